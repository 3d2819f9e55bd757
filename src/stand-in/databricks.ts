import { Secret } from "../secret.ts";
import { bearerOf, hex, Keys, random, type StandInKey } from "./keys.ts";
import { startVendor, type VendorServer } from "./vendor.ts";

/**
 * A stand-in for a Databricks workspace (https://docs.databricks.com/api/token-management/v1/token-management): an admin's list of
 * tokens without any part of a value, deletion, creation on behalf of a service principal, and `Me` of SCIM for whoever has a live one.
 */
export interface Databricks extends VendorServer {
  readonly adminToken: Secret;
  readonly keys: Keys;
  /** A principal with a token of its own; `person`: a user, for whom nobody else can make one. */
  createToken(owner: string, comment: string, kind?: "service principal" | "person"): { id: string; secret: Secret };
}

export async function startDatabricks(): Promise<Databricks> {
  const value = () => `dapi${random(32, hex)}`;
  const adminToken = value();
  const keys = new Keys();
  const people = new Set<string>();
  const shown = ({ id, name, createdAt, fields }: StandInKey) => ({
    token_id: id,
    comment: name,
    creation_time: Date.parse(createdAt),
    expiry_time: -1,
    created_by_username: "admin@acme.example",
    ...fields,
  });
  const application = (owner: string) => `app-${owner}`;
  const server = await startVendor((app) => {
    const refused = { error_code: "403", message: "Invalid access token." };
    app.get("/api/2.0/preview/scim/v2/Me", (context) => {
      const own = keys.live(bearerOf(context.req.header("authorization")));
      const id = String(keys.get(own?.id)?.fields["owner_id"] ?? "removed");
      return own === undefined
        ? context.json(refused, 403)
        : context.json({ id, userName: application(id), displayName: `principal ${id}` });
    });
    app.use("/api/2.0/*", async (context, next) => {
      const token = bearerOf(context.req.header("authorization"));
      if (token === adminToken) return next();
      return keys.accepts(token)
        ? context.json({ error_code: "PERMISSION_DENIED", message: "Only accessible by admins." }, 403)
        : context.json(refused, 403);
    });
    app.get("/api/2.0/preview/scim/v2/ServicePrincipals/:id", (context) => {
      const id = context.req.param("id");
      return people.has(id) ? context.json({ status: "404" }, 404) : context.json({ id, applicationId: application(id) });
    });
    app.get("/api/2.0/token-management/tokens", (context) => {
      const all = keys.all().map(shown);
      return context.json(all.length === 0 ? {} : { token_infos: all });
    });
    app.post("/api/2.0/token-management/on-behalf-of/tokens", async (context) => {
      const { application_id = "", comment = "" } = await context.req.json<{ application_id?: string; comment?: string }>();
      const key = keys.add({ id: random(64, hex), name: comment, value: value(), fields: { owner_id: application_id.slice(4) } });
      const { owner_id: _, ...info } = shown(key) as Record<string, unknown>;
      return context.json({ token_value: key.value, token_info: info });
    });
    app.delete("/api/2.0/token-management/tokens/:id", (context) =>
      keys.remove(context.req.param("id")) ? context.json({}) : context.json({ error_code: "RESOURCE_DOES_NOT_EXIST" }, 404),
    );
  });
  return {
    ...server,
    adminToken: Secret.from(adminToken),
    keys,
    createToken(owner, comment, kind = "service principal") {
      if (kind === "person") people.add(owner);
      const key = keys.add({ id: random(64, hex), name: comment, value: value(), fields: { owner_id: owner } });
      return { id: key.id, secret: Secret.from(key.value) };
    },
  };
}
