import { Secret } from "../secret.ts";
import { hex, Keys, random } from "./keys.ts";
import { startVendor, type VendorServer } from "./vendor.ts";

/**
 * A stand-in for LangSmith's service keys (https://docs.langchain.com/langsmith/smith-api/orgs/list-org-service-keys). A key is shown by
 * its ends; `GET /api/v1/orgs/current` is what a live key gets.
 */
export interface LangSmith extends VendorServer {
  readonly adminKey: Secret;
  readonly keys: Keys;
  createKey(description: string): { id: string; secret: Secret };
}

export async function startLangSmith(): Promise<LangSmith> {
  const value = () => `lsv2_sk_${random(32, hex)}_${random(10, hex)}`;
  const adminKey = value();
  const keys = new Keys();
  const shown = (id: string) => {
    const key = keys.get(id);
    const short = `${key?.value.slice(0, 10)}...${key?.value.slice(-4)}`;
    return { id, description: key?.name, short_key: short, created_at: key?.createdAt, read_only: false, ...key?.fields };
  };
  const server = await startVendor((app) => {
    const refused = { detail: "Invalid token" };
    app.get("/api/v1/orgs/current", (context) => {
      const key = context.req.header("x-api-key");
      return key === adminKey || keys.accepts(key) ? context.json({ id: "org-1", display_name: "Acme" }) : context.json(refused, 401);
    });
    app.use("/api/v1/orgs/current/*", async (context, next) => {
      if (context.req.header("x-api-key") !== adminKey) return context.json(refused, 401);
      return next();
    });
    app.get("/api/v1/orgs/current/service-keys", (context) => context.json(keys.all().map(({ id }) => shown(id))));
    app.post("/api/v1/orgs/current/service-keys", async (context) => {
      const { description = "", ...fields } = await context.req.json<Record<string, unknown>>();
      const key = keys.add({ name: String(description), value: value(), fields });
      return context.json({ ...shown(key.id), key: key.value });
    });
    app.delete("/api/v1/orgs/current/service-keys/:id", (context) => {
      const id = context.req.param("id");
      const last = shown(id);
      return keys.remove(id) ? context.json(last) : context.json({ detail: "API key not found" }, 404);
    });
  });
  return {
    ...server,
    adminKey: Secret.from(adminKey),
    keys,
    createKey(description) {
      const key = keys.add({ name: description, value: value() });
      return { id: key.id, secret: Secret.from(key.value) };
    },
  };
}
