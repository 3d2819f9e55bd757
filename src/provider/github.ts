import { z } from "zod";
import type { Driver, DriverContext, ProbeResult } from "../driver.ts";
import { HoldError } from "../errors.ts";
import { accept, type HttpAnswer, json, shaped } from "../http.ts";
import type { Secret } from "../secret.ts";
import { probeAnswer } from "./answer.ts";
import { bearer, manifest, send, type VendorCall } from "./vendor.ts";

const tells = { user: "login", user_id: "id", scopes: "header:x-oauth-scopes", expires: "header:github-authentication-token-expiration" };

/**
 * GitHub tokens, killed by whoever holds them: `POST /credentials/revoke` asks for no authentication and refuses one
 * (https://docs.github.com/rest/credentials/revoke). It answers 202 whatever it did, so only a probe proves the death. The owner is
 * told by mail; it cannot be undone, and a new token is made by a person.
 */
export const github: Driver = {
  manifest: manifest({
    type: "github/token",
    name: "GitHub token",
    detectors: ["github-personal-access-token", "github-fine-grained-token", "github-oauth-token", "github-app-user-token"],
    class: "possession-kill",
    verbs: ["revoke", "probe", "whoami"],
    // Undocumented (November 2026); revocation is queued behind the 202, so a minute passes before a refusal counts as the last word.
    propagation: { create: 0, revoke: 60_000 },
    killByPossession: true,
    probeCall: "GET /user",
    tells: Object.keys(tells),
    hosts: ["api.github.com"],
    invalidMeansDead: true, // "Bad credentials" is revoked, expired or never made
    pages: { revoke: "https://github.com/settings/tokens", issue: "https://github.com/settings/tokens" },
  }),

  async revoke(context, _record, target) {
    if (target.secret === undefined) {
      throw new HoldError(
        "value-needed",
        "GitHub revokes a token for whoever holds its value, and the value could not be recovered; revoke it by hand",
      );
    }
    // Revoking twice is revoking once, so that a lost answer may be asked for again.
    const answer = await call({
      context,
      method: "POST",
      path: "/credentials/revoke",
      body: { credentials: [target.secret.reveal()] },
      safe: true,
    });
    accept(answer, [202], "revoking a GitHub token", true);
  },

  probe: (context, target) => probeAnswer(() => user(context, target.secret), judge, { secret: target.secret, paths: tells }),

  async whoami(context, target) {
    const what = "asking GitHub whose token this is";
    const body = accept(await user(context, target.secret), [200], what, true);
    return { login: shaped(z.object({ login: z.string() }), body, what).login };
  },
};

function user(context: DriverContext, secret: Secret): Promise<HttpAnswer> {
  return call({ context, method: "GET", path: "/user", secret });
}

function judge(answer: HttpAnswer): ProbeResult | undefined {
  const body = json(answer);
  if (answer.status === 200 && z.object({ login: z.string() }).safeParse(body).success) return { answer: "alive", code: "200" };
  const { data: refusal } = z.object({ message: z.string() }).safeParse(body);
  return answer.status === 401 && refusal?.message === "Bad credentials" ? { answer: "invalid", code: "401 Bad credentials" } : undefined;
}

/** Never with the connection's credential: GitHub refuses an authenticated revocation. */
function call({ context, secret, ...rest }: { context: DriverContext; secret?: Secret } & VendorCall): Promise<HttpAnswer> {
  return send(context, { ...rest, headers: { accept: "application/vnd.github+json", ...bearer(secret) } });
}
