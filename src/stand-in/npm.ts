import { Secret } from "../secret.ts";
import { bearerOf, hex, Keys, random } from "./keys.ts";
import { startVendor, type VendorServer } from "./vendor.ts";

/**
 * A stand-in for the npm registry's account: `whoami`, the list of tokens by pages of `urls.next`, which shows the first characters of
 * each, and revocation by key. An account with a second factor is asked for a one-time password.
 */
export interface NpmRegistry extends VendorServer {
  readonly ownToken: Secret;
  readonly keys: Keys;
  createToken(user: string, name: string): Secret;
  /** From now on, revoking asks for a one-time password. */
  askForOtp(): void;
}

export async function startNpm(): Promise<NpmRegistry> {
  const value = () => `npm_${random(36)}`;
  const keys = new Keys();
  let otp = false;
  const add = (user: string, name: string) => keys.add({ id: random(64, hex), name, value: value(), fields: { user } });
  const own = add("acme-bot", "rekey");
  const server = await startVendor((app) => {
    const of = (header: string | undefined) => keys.get(keys.live(bearerOf(header))?.id)?.fields["user"];
    app.get("/-/whoami", (context) => {
      const key = keys.live(bearerOf(context.req.header("authorization")));
      // gone already while a cache still lets it in
      return key === undefined ? context.json({}, 401) : context.json({ username: String(keys.get(key.id)?.fields["user"] ?? "removed") });
    });
    app.use("/-/npm/v1/*", async (context, next) => {
      if (of(context.req.header("authorization")) === undefined) return context.json({ error: "unauthorized" }, 401);
      return next();
    });
    app.get("/-/npm/v1/tokens", (context) => {
      const page = Number(context.req.query("page") ?? 0);
      const all = keys.all().filter(({ fields }) => fields["user"] === of(context.req.header("authorization")));
      const objects = all.slice(page * 10, (page + 1) * 10).map(({ id, name, value: text, createdAt }) => ({
        key: id,
        token: text.slice(0, 8),
        name,
        created: createdAt,
        readonly: false,
      }));
      const next = (page + 1) * 10 < all.length ? { next: `/-/npm/v1/tokens?page=${page + 1}` } : {};
      return context.json({ objects, total: all.length, urls: next });
    });
    app.delete("/-/npm/v1/tokens/token/:key", (context) => {
      if (otp) return context.json({ error: "one-time password needed" }, 401, { "www-authenticate": "OTP" });
      return keys.remove(context.req.param("key")) ? context.body(null, 204) : context.json({ error: "Token not found" }, 404);
    });
  });
  return {
    ...server,
    ownToken: Secret.from(own.value),
    keys,
    createToken: (user, name) => Secret.from(add(user, name).value),
    askForOtp() {
      otp = true;
    },
  };
}
