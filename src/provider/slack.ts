import { z } from "zod";
import type { Driver, DriverContext, ProbeResult } from "../driver.ts";
import { HoldError } from "../errors.ts";
import { accept, type HttpAnswer, json, shaped } from "../http.ts";
import type { Secret } from "../secret.ts";
import { probeAnswer } from "./answer.ts";
import { attributesOf, bearer, manifest, send } from "./vendor.ts";

const tells = { team: "team", team_id: "team_id", user: "user", user_id: "user_id", scopes: "header:x-oauth-scopes" };

/**
 * Slack bot and user tokens, killed by whoever holds them: `auth.revoke` (https://docs.slack.dev/reference/methods/auth.revoke). Slack
 * answers 200 to everything and says in the body what it means; a new token is made by installing the app again.
 */
export const slack: Driver = {
  manifest: manifest({
    type: "slack/token",
    name: "Slack token",
    detectors: ["slack-bot-token", "slack-user-token", "slack-legacy-token"],
    class: "possession-kill",
    verbs: ["revoke", "probe", "whoami"],
    // Undocumented (November 2026): a margin.
    propagation: { create: 0, revoke: 30_000 },
    killByPossession: true,
    probeCall: "POST /api/auth.test",
    tells: Object.keys(tells),
    hosts: ["slack.com"],
    invalidMeansDead: true, // accounts and teams that are only inactive have error codes of their own
    pages: { revoke: "https://api.slack.com/apps", issue: "https://api.slack.com/apps" },
  }),

  async revoke(context, _record, { secret }) {
    if (secret === undefined)
      throw new HoldError(
        "value-needed",
        "Slack revokes a token for whoever holds its value, and the value could not be recovered; revoke it by hand",
      );
    const what = "revoking a Slack token";
    const answer = await send(context, { method: "POST", path: "/api/auth.revoke", headers: bearer(secret), safe: true });
    const { ok, error } = shaped(Answer, accept(answer, [200], what, true), what);
    if (!ok && !dead.includes(error ?? ""))
      throw new HoldError("provider-refused", `${what}: Slack answered ${word(error)}; revoke it by hand`);
  },

  probe: (context, { secret }) => probeAnswer(() => test(context, secret), judge, { secret, paths: tells }),

  async whoami(context, { secret }) {
    const what = "asking Slack whose token this is";
    const { ok, error, team, user, team_id, user_id } = shaped(Answer, accept(await test(context, secret), [200], what, true), what);
    if (!ok) throw new HoldError("provider-refused", `${what}: Slack answered ${word(error)}`);
    return attributesOf({ team, user, team_id, user_id });
  },
};

/** Slack's words for a token that is no more, or never was. */
const dead = ["invalid_auth", "token_revoked", "token_expired"];

const Answer = z.object({
  ok: z.boolean(),
  error: z.string().nullish(),
  team: z.string().nullish(),
  user: z.string().nullish(),
  team_id: z.string().nullish(),
  user_id: z.string().nullish(),
});

/** `auth.test` reads only; Slack takes it as POST. */
function test(context: DriverContext, secret: Secret): Promise<HttpAnswer> {
  return send(context, { method: "POST", path: "/api/auth.test", headers: bearer(secret), safe: true });
}

function judge(answer: HttpAnswer): ProbeResult | undefined {
  const { data } = Answer.safeParse(json(answer));
  if (answer.status !== 200 || data === undefined) return undefined;
  if (data.ok) return { answer: "alive", code: "200 ok" };
  if (dead.includes(data.error ?? "")) return { answer: "invalid", code: `200 ${data.error}` };
  return { answer: "unknown", code: `200 ${word(data.error)}` };
}

/** An error code of Slack's, never free text. */
function word(error: string | null | undefined): string {
  return /^[a-z_]{1,60}$/.test(error ?? "") ? String(error) : "something else";
}
