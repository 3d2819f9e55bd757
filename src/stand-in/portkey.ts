import { randomUUID } from "node:crypto";
import { Secret } from "../secret.ts";
import { Keys, random, type StandInKey } from "./keys.ts";
import { startVendor, type VendorServer } from "./vendor.ts";

/**
 * A stand-in for Portkey's keys (https://portkey.ai/docs/api-reference/admin-api/control-plane/api-keys): list by page, create, delete, and
 * rotate, which gives the same id a new value and lets the one before live for the transition. One value before is kept, no more:
 * a second rotation ends it at once. `GET /v1/models` is what a live key gets.
 */
export interface Portkey extends VendorServer {
  readonly adminKey: Secret;
  readonly keys: Keys;
  createKey(name: string): { id: string; secret: Secret };
  /** Lets time pass for transitions, milliseconds. */
  elapse(milliseconds: number): void;
  /** How often anything was rotated. */
  rotations(): number;
}

/** `speed`: how many times faster than ours its clock runs where a transition is counted. */
export async function startPortkey({ speed = 1 }: { speed?: number } = {}): Promise<Portkey> {
  const value = () => random(28);
  const adminKey = value();
  const keys = new Keys();
  /** By id: what was the value before, and until when it is let in. */
  const before = new Map<string, { value: string; until: number }>();
  let [skew, rotations] = [0, 0];
  const now = () => Date.now() + skew;
  const inTransition = (key: string | undefined) =>
    [...before].some(([id, old]) => old.value === key && old.until > now() && keys.get(id) !== undefined);
  const shown = ({ id, name, value: text, createdAt, fields }: StandInKey) => ({
    id,
    key: `${text.slice(0, 2)}*******${text.slice(-2)}`,
    name,
    type: "workspace-service",
    workspace_id: "ws-acme",
    status: "active",
    created_at: createdAt,
    scopes: ["completions.write"],
    object: "api-key",
    ...fields,
  });
  const server = await startVendor((app) => {
    const refused = { status: "failure", message: "Portkey Error: Invalid API Key. Error Code: 03" };
    const failed = (message: string, errorCode: string) => ({ success: false, data: { message, errorCode } });
    app.get("/v1/models", (context) => {
      const key = context.req.header("x-portkey-api-key");
      return keys.accepts(key) || inTransition(key) ? context.json({ object: "list", data: [] }) : context.json(refused, 401);
    });
    app.use("/v1/api-keys/*", async (context, next) => {
      if (context.req.header("x-portkey-api-key") !== adminKey) return context.json(failed("Unauthorized access", "AB05"), 401);
      return next();
    });
    app.get("/v1/api-keys", (context) => {
      const [size, page] = [Number(context.req.query("page_size") ?? 100), Number(context.req.query("current_page") ?? 0)];
      const all = keys.all().map(shown);
      return context.json({ total: all.length, object: "list", data: all.slice(page * size, (page + 1) * size) });
    });
    app.post("/v1/api-keys/:type/:sub{(user|service)}", async (context) => {
      const { name = "", ...fields } = await context.req.json<Record<string, unknown>>();
      const type = `${context.req.param("type")}-${context.req.param("sub")}`;
      const key = keys.add({ id: randomUUID(), name: String(name), value: value(), fields: { type, ...fields } });
      return context.json({ id: key.id, key: key.value, object: "api-key" });
    });
    app.post("/v1/api-keys/:id/rotate", async (context) => {
      const { key_transition_period_ms: period = 1_800_000 } = await context.req.json<{ key_transition_period_ms?: number }>();
      const key = keys.get(context.req.param("id"));
      if (key === undefined) return context.json(failed("Resource not found", "AB08"), 404);
      if (period < 1_800_000) return context.json(failed("Request Validation Error", "AB01"), 400);
      rotations++;
      const until = now() + period / speed;
      before.set(key.id, { value: key.value, until });
      keys.set(key.id, { value: value() });
      return context.json({ id: key.id, key: key.value, key_transition_expires_at: new Date(until).toISOString() });
    });
    app.delete("/v1/api-keys/:id", (context) =>
      keys.remove(context.req.param("id")) ? context.json({}) : context.json(failed("Resource not found", "AB08"), 404),
    );
  });
  return {
    ...server,
    adminKey: Secret.from(adminKey),
    keys,
    createKey(name) {
      const key = keys.add({ id: randomUUID(), name, value: value() });
      return { id: key.id, secret: Secret.from(key.value) };
    },
    elapse(milliseconds) {
      skew += milliseconds;
    },
    rotations: () => rotations,
  };
}
