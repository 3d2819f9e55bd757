import { createHash } from "node:crypto";
import { Secret } from "../secret.ts";
import { bearerOf, Keys, random } from "./keys.ts";
import { startVendor, type VendorServer } from "./vendor.ts";

/**
 * A stand-in for a LiteLLM proxy's key management (https://docs.litellm.ai/docs/proxy/virtual_keys): generate (with a value of the
 * caller's own), list by page, block, unblock, delete, and `/key/info` of the caller. The id of a key is the SHA-256 of its text.
 */
export interface LiteLlm extends VendorServer {
  readonly masterKey: Secret;
  readonly keys: Keys;
  /** A row of the spend log: key hash, ISO 8601, the address that the proxy saw. */
  used(id: string, at: string, address?: string): void;
  createKey(name: string, fields?: Record<string, unknown>): { id: string; secret: Secret };
}

const hashOf = (value: string) => createHash("sha256").update(value).digest("hex");

export async function startLiteLlm(): Promise<LiteLlm> {
  const masterKey = `sk-${random(32)}`;
  const keys = new Keys();
  const add = (name: string, value: string, fields: Record<string, unknown>) => keys.add({ id: hashOf(value), name, value, fields });
  const shown = (id: string) => {
    const key = keys.get(id);
    return {
      token: id,
      key_alias: key?.name,
      blocked: key?.disabled,
      created_at: key?.createdAt,
      expires: null,
      models: [],
      metadata: {},
      ...key?.fields,
    };
  };
  const refused = (value: string | undefined) => {
    const blocked = keys.live(value)?.disabled === true;
    const message = `Authentication Error, ${blocked ? "Key is blocked. Update via `/key/unblock` if you are admin." : "Invalid proxy server token passed."}`;
    return { error: { message, type: blocked ? "auth_error" : "token_not_found_in_db", param: "key", code: "401" } };
  };
  const spent: { api_key: string; startTime: string; requester_ip_address?: string }[] = [];
  const server = await startVendor((app) => {
    app.use("/key/*", async (context, next) => {
      const caller = bearerOf(context.req.header("authorization"));
      if (caller === masterKey) return next();
      if (context.req.path !== "/key/info" || !keys.accepts(caller)) return context.json(refused(caller), 401);
      return next();
    });
    app.get("/spend/logs", (context) => {
      if (bearerOf(context.req.header("authorization")) !== masterKey) return context.json(refused(undefined), 401);
      const [key, from, to] = ["api_key", "start_date", "end_date"].map((name) => context.req.query(name) ?? "") as [
        string,
        string,
        string,
      ];
      return context.json(spent.filter(({ api_key, startTime }) => api_key === key && startTime >= from && startTime < to));
    });
    app.get("/key/info", (context) => {
      const own = keys.live(bearerOf(context.req.header("authorization")));
      return context.json({ key: own?.id, info: shown(own?.id ?? "") });
    });
    app.get("/key/list", (context) => {
      const [size, page] = [Math.min(Number(context.req.query("size") ?? 10), 100), Number(context.req.query("page") ?? 1)];
      const all = keys.all().map(({ id }) => shown(id));
      return context.json({
        keys: all.slice((page - 1) * size, page * size),
        total_count: all.length,
        current_page: page,
        total_pages: Math.ceil(all.length / size),
      });
    });
    app.post("/key/generate", async (context) => {
      const { key, key_alias = "", ...fields } = await context.req.json<Record<string, unknown>>();
      const value = typeof key === "string" ? key : `sk-${random(22)}`;
      if (keys.get(hashOf(value)) !== undefined)
        return context.json({ error: { message: "Unique key aliases", type: "bad_request_error" } }, 400);
      add(String(key_alias), value, fields);
      return context.json({ key: value, ...shown(hashOf(value)) });
    });
    const idOf = (key: unknown) => (typeof key === "string" && key.startsWith("sk-") ? hashOf(key) : String(key));
    for (const [path, disabled] of [
      ["/key/block", true],
      ["/key/unblock", false],
    ] as const) {
      app.post(path, async (context) => {
        const { key } = await context.req.json<{ key: unknown }>();
        if (keys.set(idOf(key), { disabled }) === undefined) return context.json({ error: { message: "Key not found" } }, 404);
        return context.json(shown(idOf(key)));
      });
    }
    app.post("/key/delete", async (context) => {
      const { keys: ids = [] } = await context.req.json<{ keys?: unknown[] }>();
      const removed = ids.filter((id) => keys.remove(idOf(id)));
      return removed.length === 0 ? context.json({ error: { message: "No keys found" } }, 404) : context.json({ deleted_keys: removed });
    });
  });
  return {
    ...server,
    masterKey: Secret.from(masterKey),
    keys,
    used(id, at, address) {
      spent.push({ api_key: id, startTime: at, ...(address === undefined ? {} : { requester_ip_address: address }) });
    },
    createKey(name, fields = {}) {
      const { id, value } = add(name, `sk-${random(22)}`, fields);
      return { id, secret: Secret.from(value) };
    },
  };
}
