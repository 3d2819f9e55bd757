import { randomUUID } from "node:crypto";
import { Secret } from "../secret.ts";
import { basicOf, Keys } from "./keys.ts";
import { startVendor, type VendorServer } from "./vendor.ts";

/**
 * A stand-in for Langfuse's organization API of project keys (https://langfuse.com/docs/api-and-data-platform/features/public-api): basic
 * authentication by `public:secret`, key pairs that the caller may choose, and `GET /api/public/projects` for a project's own pair.
 */
export interface Langfuse extends VendorServer {
  /** `pk-lf-…:sk-lf-…` of the organization. */
  readonly organizationKey: Secret;
  readonly keys: Keys;
  createKey(project: string, note: string): { id: string; publicKey: string; secret: Secret };
}

export async function startLangfuse({ projects }: { projects: readonly string[] }): Promise<Langfuse> {
  const organizationKey = `pk-lf-${randomUUID()}:sk-lf-${randomUUID()}`;
  const keys = new Keys();
  const add = (project: string, note: string, publicKey: string, secretKey: string) =>
    keys.add({ name: note, value: `${publicKey}:${secretKey}`, fields: { project, publicKey, hint: `sk-lf-...${secretKey.slice(-4)}` } });
  const shown = (id: string) => {
    const { name, createdAt, fields } = keys.get(id) ?? { name: "", createdAt: "", fields: {} as Record<string, unknown> };
    const { publicKey, hint } = fields;
    return { id, note: name, createdAt, lastUsedAt: null, expiresAt: null, publicKey, displaySecretKey: hint };
  };
  const invalid = { message: "Invalid credentials. Confirm that you've configured the correct host." };
  const server = await startVendor((app) => {
    const admin = (header: string | undefined) => basicOf(header).join(":") === organizationKey;
    app.get("/api/public/projects", (context) => {
      const own = keys.live(basicOf(context.req.header("authorization")).join(":"));
      const project = keys.get(own?.id)?.fields["project"] ?? projects[0];
      return own === undefined ? context.json(invalid, 401) : context.json({ data: [{ id: project, name: project }] });
    });
    app.use("/api/public/*", async (context, next) => {
      if (!admin(context.req.header("authorization"))) return context.json(invalid, 401);
      return next();
    });
    app.get("/api/public/organizations/projects", (context) => context.json({ projects: projects.map((id) => ({ id, name: id })) }));
    app.get("/api/public/projects/:project/apiKeys", (context) => {
      const own = keys.all().filter(({ fields }) => fields["project"] === context.req.param("project"));
      return context.json({ apiKeys: own.map(({ id }) => shown(id)) });
    });
    app.post("/api/public/projects/:project/apiKeys", async (context) => {
      const body = await context.req.json<{ note?: string; publicKey?: string; secretKey?: string }>();
      const { note = "", publicKey = `pk-lf-${randomUUID()}`, secretKey = `sk-lf-${randomUUID()}` } = body;
      if (keys.all().some(({ fields }) => fields["publicKey"] === publicKey))
        return context.json({ message: "Public key already exists" }, 409);
      const { id } = add(context.req.param("project"), note, publicKey, secretKey);
      return context.json({ ...shown(id), secretKey }, 201);
    });
    app.delete("/api/public/projects/:project/apiKeys/:id", (context) =>
      keys.remove(context.req.param("id")) ? context.json({ success: true }) : context.json({ message: "API key not found" }, 404),
    );
  });
  return {
    ...server,
    organizationKey: Secret.from(organizationKey),
    keys,
    createKey(project, note) {
      const [publicKey, secretKey] = [`pk-lf-${randomUUID()}`, `sk-lf-${randomUUID()}`];
      return { id: add(project, note, publicKey, secretKey).id, publicKey, secret: Secret.from(secretKey) };
    },
  };
}
