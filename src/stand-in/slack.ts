import { Secret } from "../secret.ts";
import { bearerOf, Keys, random } from "./keys.ts";
import { startVendor, type VendorServer } from "./vendor.ts";

/** A stand-in for Slack's `auth.test` and `auth.revoke` (https://docs.slack.dev/reference/methods): 200 whatever happens, and a word in the body. */
export interface Slack extends VendorServer {
  readonly keys: Keys;
  createToken(user: string): Secret;
}

export async function startSlack(): Promise<Slack> {
  const keys = new Keys();
  const revoked = new Set<string>();
  const server = await startVendor((app) => {
    const refused = (token: string | undefined) => ({ ok: false, error: revoked.has(token ?? "") ? "token_revoked" : "invalid_auth" });
    app.post("/api/auth.test", (context) => {
      const token = bearerOf(context.req.header("authorization"));
      const own = keys.live(token);
      if (own === undefined) return context.json(refused(token));
      return context.json({ ok: true, team: "Acme", team_id: "T1", user: keys.get(own.id)?.name ?? "", user_id: "U1" });
    });
    app.post("/api/auth.revoke", (context) => {
      const token = bearerOf(context.req.header("authorization"));
      const key = keys.all().find(({ value }) => value === token);
      if (key === undefined) return context.json(refused(token));
      revoked.add(key.value);
      keys.remove(key.id);
      return context.json({ ok: true, revoked: true });
    });
  });
  return {
    ...server,
    keys,
    createToken: (user) =>
      Secret.from(keys.add({ name: user, value: `xoxb-${random(12, "0123456789")}-${random(12, "0123456789")}-${random(24)}` }).value),
  };
}
