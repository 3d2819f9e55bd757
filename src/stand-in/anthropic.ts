import { Secret } from "../secret.ts";
import { Keys, random } from "./keys.ts";
import { startVendor, type VendorServer } from "./vendor.ts";

/**
 * A stand-in for Anthropic's admin API of keys (https://platform.claude.com/docs/en/api/admin/api_keys): list by `after_id`, and set the
 * status. There is no create. An inactive key and an archived one get the same 401 from the models.
 */
export interface Anthropic extends VendorServer {
  readonly adminKey: Secret;
  readonly keys: Keys;
  createKey(name: string): { id: string; secret: Secret };
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

export async function startAnthropic(): Promise<Anthropic> {
  const adminKey = `sk-ant-admin01-${random(93, alphabet)}AA`;
  const keys = new Keys();
  const error = (type: string, message: string) => ({ type: "error", error: { type, message } });
  const shown = (id: string) => {
    const key = keys.get(id);
    return key === undefined
      ? undefined
      : {
          id,
          type: "api_key",
          name: key.name,
          status: key.fields["status"],
          partial_key_hint: `${key.value.slice(0, 16)}...${key.value.slice(-4)}`,
          created_at: key.createdAt,
          workspace_id: null,
          created_by: { id: "user_1", type: "user" },
        };
  };
  const server = await startVendor((app) => {
    app.use("/v1/organizations/*", async (context, next) => {
      if (context.req.header("x-api-key") !== adminKey) return context.json(error("authentication_error", "invalid x-api-key"), 401);
      return next();
    });
    app.get("/v1/organizations/api_keys", (context) => {
      const all = keys.all().map(({ id }) => shown(id));
      const limit = Math.min(Number(context.req.query("limit") ?? 20), 100);
      const from = all.findIndex((key) => key?.id === context.req.query("after_id")) + 1;
      const data = all.slice(from, from + limit);
      return context.json({ data, has_more: from + limit < all.length, first_id: data[0]?.id, last_id: data.at(-1)?.id });
    });
    app.post("/v1/organizations/api_keys/:id", async (context) => {
      const key = keys.get(context.req.param("id"));
      if (key === undefined) return context.json(error("not_found_error", "API key not found"), 404);
      const { status } = await context.req.json<{ status: string }>();
      if (!["active", "inactive", "archived"].includes(status)) return context.json(error("invalid_request_error", "status"), 400);
      key.fields["status"] = status;
      keys.set(key.id, { disabled: status !== "active" });
      return context.json(shown(key.id));
    });
    app.get("/v1/models", (context) =>
      keys.accepts(context.req.header("x-api-key"))
        ? context.json({ data: [{ type: "model", id: "stand-in" }], has_more: false })
        : context.json(error("authentication_error", "invalid x-api-key"), 401),
    );
  });
  return {
    ...server,
    adminKey: Secret.from(adminKey),
    keys,
    createKey(name) {
      const { id, value } = keys.add({ name, value: `sk-ant-api03-${random(93, alphabet)}AA`, fields: { status: "active" } });
      return { id, secret: Secret.from(value) };
    },
  };
}
