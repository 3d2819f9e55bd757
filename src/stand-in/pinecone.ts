import { randomUUID } from "node:crypto";
import { Secret } from "../secret.ts";
import { bearerOf, Keys, random, type StandInKey } from "./keys.ts";
import { startVendor, type VendorServer } from "./vendor.ts";

/**
 * A stand-in for Pinecone's log-in and admin API (https://docs.pinecone.io/reference/api/2026-04/admin): projects, their keys without
 * any part of a value, create and delete. `GET /indexes` is what a live key gets.
 */
export interface Pinecone extends VendorServer {
  /** `client-id:client-secret` */
  readonly serviceAccount: Secret;
  readonly keys: Keys;
  createKey(project: string, name: string): { id: string; secret: Secret };
}

export async function startPinecone(): Promise<Pinecone> {
  const [client, password, token] = [random(32), random(64), random(60)];
  const value = () => `pcsk_${random(6)}_${random(63)}`;
  const keys = new Keys();
  const projects = new Set<string>();
  const shown = ({ id, name, fields }: StandInKey) => ({ id, name, ...fields });
  const server = await startVendor((app) => {
    const refused = { error: { code: "UNAUTHENTICATED", message: "Invalid API key" }, status: 401 };
    app.post("/oauth/token", async (context) => {
      const { client_id, client_secret } = await context.req.json<Record<string, unknown>>();
      return client_id === client && client_secret === password
        ? context.json({ access_token: token, expires_in: 86_400, token_type: "Bearer" })
        : context.json({ error: "access_denied" }, 401);
    });
    app.get("/indexes", (context) =>
      keys.accepts(context.req.header("api-key")) ? context.json({ indexes: [] }) : context.json(refused, 401),
    );
    app.use("/admin/*", async (context, next) => {
      if (bearerOf(context.req.header("authorization")) !== token) return context.json(refused, 401);
      return next();
    });
    app.get("/admin/projects", (context) => context.json({ data: [...projects].map((id) => ({ id, name: id })) }));
    app.get("/admin/projects/:project/api-keys", (context) =>
      context.json({
        data: keys
          .all()
          .filter(({ fields }) => fields["project_id"] === context.req.param("project"))
          .map(shown),
      }),
    );
    app.post("/admin/projects/:project/api-keys", async (context) => {
      const { name = "", roles = ["ProjectEditor"] } = await context.req.json<{ name?: string; roles?: string[] }>();
      const key = keys.add({ id: randomUUID(), name, value: value(), fields: { project_id: context.req.param("project"), roles } });
      return context.json({ key: shown(key), value: key.value }, 201);
    });
    app.delete("/admin/api-keys/:id", (context) =>
      keys.remove(context.req.param("id")) ? context.body(null, 202) : context.json({ error: { code: "NOT_FOUND" }, status: 404 }, 404),
    );
  });
  return {
    ...server,
    serviceAccount: Secret.from(`${client}:${password}`),
    keys,
    createKey(project, name) {
      projects.add(project);
      const key = keys.add({ id: randomUUID(), name, value: value(), fields: { project_id: project, roles: ["ProjectEditor"] } });
      return { id: key.id, secret: Secret.from(key.value) };
    },
  };
}
