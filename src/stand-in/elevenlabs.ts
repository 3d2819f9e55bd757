import { Secret } from "../secret.ts";
import { hex, Keys, random } from "./keys.ts";
import { startVendor, type VendorServer } from "./vendor.ts";

/**
 * A stand-in for ElevenLabs' service accounts and their keys (https://elevenlabs.io/docs/api-reference/service-accounts); `GET /v1/user` is
 * what a live key gets, and a key without the right to it is told so by 401 too.
 */
export interface ElevenLabs extends VendorServer {
  readonly adminKey: Secret;
  readonly keys: Keys;
  createKey(account: string, name: string, permissions?: readonly string[]): { id: string; secret: Secret };
}

export async function startElevenLabs(): Promise<ElevenLabs> {
  const value = () => `sk_${random(48, hex)}`;
  const adminKey = value();
  const keys = new Keys();
  const shown = ({ id, name, value: text, disabled, fields }: ReturnType<Keys["all"]>[number]) => ({
    key_id: id,
    name,
    hint: `...${text.slice(-4)}`,
    service_account_user_id: fields["account"],
    created_at_unix: 1_760_000_000,
    is_disabled: disabled,
    permissions: fields["permissions"],
    character_limit: null,
  });
  const server = await startVendor((app) => {
    const refused = (status: string) => ({ detail: { status, message: "refused" } });
    app.get("/v1/user", (context) => {
      const own = keys.live(context.req.header("xi-api-key"));
      if (own === undefined || own.disabled) return context.json(refused("invalid_api_key"), 401);
      const { account = "", permissions = [] } = keys.get(own.id)?.fields ?? {};
      if (Array.isArray(permissions) && !permissions.includes("user_read")) return context.json(refused("missing_permissions"), 401);
      return context.json({ user_id: account || "removed", first_name: "Agent", subscription: { tier: "scale" } });
    });
    app.use("/v1/service-accounts/*", async (context, next) => {
      if (context.req.header("xi-api-key") !== adminKey) return context.json(refused("invalid_api_key"), 401);
      return next();
    });
    app.get("/v1/service-accounts", (context) => {
      const accounts = [...new Set(keys.all().map(({ fields }) => String(fields["account"])))];
      const of = (account: string) => keys.all().filter(({ fields }) => fields["account"] === account);
      return context.json({
        "service-accounts": accounts.map((account) => ({
          service_account_user_id: account,
          name: account,
          "api-keys": of(account).map(shown),
        })),
      });
    });
    app.post("/v1/service-accounts/:account/api-keys", async (context) => {
      const { name = "", permissions } = await context.req.json<{ name?: string; permissions?: unknown }>();
      const key = keys.add({ name, value: value(), fields: { account: context.req.param("account"), permissions } });
      return context.json({ "xi-api-key": key.value, key_id: key.id });
    });
    app.patch("/v1/service-accounts/:account/api-keys/:id", async (context) => {
      const { is_enabled } = await context.req.json<{ is_enabled: boolean }>();
      const known = keys.set(context.req.param("id"), { disabled: !is_enabled });
      return known === undefined ? context.json(refused("not_found"), 404) : context.json({ status: "ok" });
    });
    app.delete("/v1/service-accounts/:account/api-keys/:id", (context) =>
      keys.remove(context.req.param("id")) ? context.json({ status: "ok" }) : context.json(refused("not_found"), 404),
    );
  });
  return {
    ...server,
    adminKey: Secret.from(adminKey),
    keys,
    createKey(account, name, permissions = ["user_read", "text_to_speech"]) {
      const key = keys.add({ name, value: value(), fields: { account, permissions } });
      return { id: key.id, secret: Secret.from(key.value) };
    },
  };
}
