import { Secret } from "../secret.ts";
import { bearerOf, Keys, random } from "./keys.ts";
import { startVendor, type VendorServer } from "./vendor.ts";

/**
 * A stand-in for OpenAI's admin keys (https://developers.openai.com/api/reference/resources/organization/subresources/admin_api_keys): every
 * live admin key may list, create and delete them, itself too.
 */
export interface OpenAiAdmin extends VendorServer {
  readonly adminKey: Secret;
  readonly keys: Keys;
  createKey(name: string): { id: string; secret: Secret };
}

export async function startOpenAiAdmin(): Promise<OpenAiAdmin> {
  const keys = new Keys();
  const middle = "T3Blbk" + "FJ"; // split, so that no scanner takes this file for a key
  const add = (name: string) => keys.add({ name, value: `sk-admin-${random(58)}${middle}${random(58)}` });
  const shown = ({ id, name, value }: ReturnType<Keys["all"]>[number]) => ({
    object: "organization.admin_api_key",
    id,
    name,
    redacted_value: `${value.slice(0, 12)}...${value.slice(-3)}`,
    created_at: 1_760_000_000,
    last_used_at: null,
    expires_at: null,
    owner: { type: "user", id: "user_1", role: "owner" },
  });
  const admin = add("Rekey");
  const server = await startVendor((app) => {
    const failure = (code: string | null, message: string) => ({ error: { message, type: "invalid_request_error", param: null, code } });
    const base = "/v1/organization/admin_api_keys";
    app.use(`${base}/*`, async (context, next) => {
      if (!keys.accepts(bearerOf(context.req.header("authorization"))))
        return context.json(failure("invalid_api_key", "Incorrect API key"), 401);
      return next();
    });
    app.get(base, (context) => {
      const all = keys.all().map(shown);
      const limit = Math.min(Number(context.req.query("limit") ?? 20), 100);
      const from = all.findIndex(({ id }) => id === context.req.query("after")) + 1;
      const data = all.slice(from, from + limit);
      return context.json({ object: "list", data, last_id: data.at(-1)?.id ?? null, has_more: from + limit < all.length });
    });
    app.post(base, async (context) => {
      const key = add((await context.req.json<{ name?: string }>()).name ?? "");
      return context.json({ ...shown(key), value: key.value });
    });
    app.delete(`${base}/:id`, (context) =>
      keys.remove(context.req.param("id")) ? context.json({ deleted: true }) : context.json(failure(null, "No such key"), 404),
    );
  });
  return {
    ...server,
    adminKey: Secret.from(admin.value),
    keys,
    createKey(name) {
      const { id, value } = add(name);
      return { id, secret: Secret.from(value) };
    },
  };
}
