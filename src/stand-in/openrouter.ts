import { createHash, randomBytes } from "node:crypto";
import { Secret } from "../secret.ts";
import { startVendor, type VendorServer } from "./vendor.ts";

/**
 * A stand-in for OpenRouter with its published key API (https://openrouter.ai/docs/api/api-reference/api-keys):
 * list (pages of 100 by `offset`), create, get, update, delete by a management key, `GET /api/v1/key`, and a chat completion that
 * only a live key gets. A key's hash is the SHA-256 of its text. Changes reach the data plane after `propagation` milliseconds.
 */
export interface OpenRouter extends VendorServer {
  readonly managementKey: Secret;
  /** Makes a key as somebody would in the console. */
  createKey(name: string, fields?: Partial<Pick<StoredKey, "limit" | "limit_reset" | "disabled">>): { hash: string; secret: Secret };
  /** The keys that exist, oldest first, without values. */
  keys(): readonly { hash: string; name: string; disabled: boolean }[];
  /** What `GET /activity` tells of a complete day. */
  used(hash: string, date: string, requests: number): void;
  /** How many chat completions each key (by hash) has got. */
  readonly calls: ReadonlyMap<string, number>;
}

interface StoredKey {
  readonly hash: string;
  name: string;
  readonly label: string;
  disabled: boolean;
  limit: number | null;
  limit_reset: string | null;
  include_byok_in_limit: boolean;
  readonly expires_at: string | null;
  readonly created_at: string;
  updated_at: string | null;
  usage: number;
  usage_daily: number;
}

export async function startOpenRouter({ propagation = 0, port = 0 }: { propagation?: number; port?: number } = {}): Promise<OpenRouter> {
  const managementKey = `sk-or-v1-${randomBytes(32).toString("hex")}`;
  const stored = new Map<string, StoredKey>();
  /** What the data plane believes of a hash, and from when on it believes something else. */
  const live = new Map<string, { now: boolean; changes: { at: number; to: boolean }[] }>();
  const calls = new Map<string, number>();
  const activity: { hash: string; date: string; model: string; requests: number; usage: number }[] = [];

  const setLive = (hash: string, to: boolean) => {
    const state = live.get(hash) ?? { now: false, changes: [] };
    if (propagation === 0) state.now = to;
    else state.changes.push({ at: Date.now() + propagation, to });
    live.set(hash, state);
  };
  const isLive = (hash: string) => {
    const state = live.get(hash);
    if (state === undefined) return false;
    while (state.changes[0] !== undefined && state.changes[0].at <= Date.now()) state.now = state.changes.shift()?.to ?? state.now;
    return state.now;
  };
  const add = (fields: { name: string } & Partial<StoredKey>): { key: string; record: StoredKey } => {
    const key = `sk-or-v1-${randomBytes(32).toString("hex")}`;
    const record: StoredKey = {
      disabled: false,
      limit: null,
      limit_reset: null,
      include_byok_in_limit: false,
      expires_at: null,
      ...fields,
      hash: hashOf(key),
      label: `${key.slice(0, 12)}...${key.slice(-3)}`,
      created_at: new Date().toISOString(),
      updated_at: null,
      usage: 0,
      usage_daily: 0,
    };
    stored.set(record.hash, record);
    setLive(record.hash, !record.disabled);
    return { key, record };
  };

  const server = await startVendor((app) => {
    const refused = { error: { code: 401, message: "User not found." } };
    const bearer = (header: string | undefined) => /^Bearer (\S+)$/.exec(header ?? "")?.[1] ?? "";

    app.use("/api/v1/keys/*", async (context, next) => {
      if (bearer(context.req.header("authorization")) !== managementKey) return context.json(refused, 401);
      return next();
    });
    app.get("/api/v1/keys", (context) => {
      const offset = Number(context.req.query("offset") ?? 0);
      const all = [...stored.values()].filter((key) => context.req.query("include_disabled") === "true" || !key.disabled).reverse();
      return context.json({ data: all.slice(offset, offset + 100) });
    });
    app.post("/api/v1/keys", async (context) => {
      const body = await context.req.json<Partial<StoredKey>>();
      if (typeof body.name !== "string" || body.name === "")
        return context.json({ error: { code: 400, message: "name is required" } }, 400);
      const { limit = null, limit_reset = null, include_byok_in_limit = false, expires_at = null } = body;
      const { key, record } = add({ name: body.name, limit, limit_reset, include_byok_in_limit, expires_at });
      return context.json({ data: record, key }, 201);
    });
    app.get("/api/v1/keys/:hash", (context) => {
      const record = stored.get(context.req.param("hash"));
      return record === undefined
        ? context.json({ error: { code: 404, message: "API key not found" } }, 404)
        : context.json({ data: record });
    });
    app.patch("/api/v1/keys/:hash", async (context) => {
      const record = stored.get(context.req.param("hash"));
      if (record === undefined) return context.json({ error: { code: 404, message: "API key not found" } }, 404);
      const { name, disabled, limit } = await context.req.json<Partial<StoredKey>>();
      Object.assign(record, {
        ...(name === undefined ? {} : { name }),
        ...(disabled === undefined ? {} : { disabled }),
        ...(limit === undefined ? {} : { limit }),
        updated_at: new Date().toISOString(),
      });
      setLive(record.hash, !record.disabled);
      return context.json({ data: record });
    });
    app.delete("/api/v1/keys/:hash", (context) => {
      const hash = context.req.param("hash");
      if (!stored.delete(hash)) return context.json({ error: { code: 404, message: "API key not found" } }, 404);
      setLive(hash, false);
      return context.json({ deleted: true });
    });
    app.get("/api/v1/activity", (context) => {
      if (bearer(context.req.header("authorization")) !== managementKey) return context.json(refused, 401);
      const hash = context.req.query("api_key_hash");
      const data = activity.filter((day) => hash === undefined || day.hash === hash).map(({ hash: _, ...day }) => day);
      return context.json({ data });
    });
    app.get("/api/v1/key", (context) => {
      const key = bearer(context.req.header("authorization"));
      if (key === managementKey) return context.json({ data: { label: "management", is_management_key: true, limit: null, usage: 0 } });
      if (!isLive(hashOf(key))) return context.json(refused, 401);
      const record = stored.get(hashOf(key)); // gone already while the data plane still lets it in
      const data = { label: record?.label ?? "", limit: record?.limit ?? null, usage: record?.usage ?? 0, is_management_key: false };
      return context.json({ data });
    });
    app.post("/api/v1/chat/completions", async (context) => {
      const hash = hashOf(bearer(context.req.header("authorization")));
      if (!isLive(hash)) return context.json(refused, 401);
      calls.set(hash, (calls.get(hash) ?? 0) + 1);
      const used = stored.get(hash);
      if (used !== undefined) used.usage_daily = used.usage += 0.0001;
      const { model = "stand-in/echo" } = await context.req.json<{ model?: string }>().catch(() => ({ model: "stand-in/echo" }));
      return context.json({
        id: `gen-${randomBytes(8).toString("hex")}`,
        object: "chat.completion",
        model,
        choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "ok" } }],
        usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
      });
    });
  }, port);

  return {
    ...server,
    managementKey: Secret.from(managementKey),
    createKey(name, fields = {}) {
      const { key, record } = add({ name, ...fields });
      // A key from the console is live before anybody can copy it.
      live.set(record.hash, { now: !record.disabled, changes: [] });
      return { hash: record.hash, secret: Secret.from(key) };
    },
    keys: () => [...stored.values()].map(({ hash, name, disabled }) => ({ hash, name, disabled })),
    used: (hash, date, requests) => activity.push({ hash, date, model: "stand-in/echo", requests, usage: 0.1 }),
    calls,
  };
}

function hashOf(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}
