import { z } from "zod";
import type { Driver, DriverContext, KeyRecord, ProbeResult } from "../driver.ts";
import { HoldError } from "../errors.ts";
import { accept, type HttpAnswer, json, shaped } from "../http.ts";
import type { Secret } from "../secret.ts";
import { probeAnswer } from "./answer.ts";
import { allPages, attributesOf, bearer, gone, manifest, matchByHint, pathOf, segment, send } from "./vendor.ts";

const tells = { user: "username" };

/**
 * Tokens of an npm account by another token of the same account (https://docs.npmjs.com/cli/v11/commands/npm-token; the calls are those
 * of the npm client): list and revoke. New ones are made on the web page only: since August 2026 no token that bypasses two-factor
 * authentication may make or manage others, and one that does not is asked for a one-time password where the account has a second factor.
 */
export const npm: Driver = {
  manifest: manifest({
    type: "npm/access-token",
    name: "npm access token",
    detectors: ["npm-token"],
    class: "kill-only",
    verbs: ["list", "revoke", "probe", "whoami"],
    // "immediately" says the vendor; a margin over the registry's caches.
    propagation: { create: 5_000, revoke: 60_000 },
    probeCall: "GET /-/whoami",
    tells: Object.keys(tells),
    hosts: ["registry.npmjs.org"],
    proof: "both", // a token that is only allowed from other addresses gets a 401 too, so it must be gone from the list
    invalidMeansDead: false,
    pages: {
      revoke: "https://www.npmjs.com/settings/~/tokens",
      issue: "https://www.npmjs.com/settings/~/tokens/granular-access-tokens/new",
    },
    advice: "trusted publishing instead of a token: https://docs.npmjs.com/trusted-publishers",
    rights: {
      list: ["a granular token of the account that does not bypass two-factor authentication"],
      revoke: ["the same, of an account whose second factor is not asked for on writes; otherwise a person revokes it on the page"],
    },
  }),

  async match(context, { secret }) {
    if (secret === undefined) return { records: [], grade: "weak" };
    const [own, theirs] = [await userOf(context, context.credential), await userOf(context, secret)];
    return matchByHint(await listed(context), secret, "npm_", {
      alive: async () => theirs !== undefined,
      sameScope: own !== undefined && own === theirs,
    });
  },

  list: (context) => listed(context),

  async revoke(context, { id }) {
    const path = `/-/npm/v1/tokens/token/${segment(id, "the key of an npm token")}`;
    const answer = await send(context, { method: "DELETE", path, headers: bearer(context.credential), safe: true });
    if (answer.status === 401 && /\botp\b/i.test(answer.headers["www-authenticate"] ?? "")) {
      throw new HoldError(
        "otp-needed",
        `npm asks for a one-time password to revoke a token of this account, so a person must do it at ${npm.manifest.pages.revoke}, then /rekey verify`,
      );
    }
    gone(answer, [200, 204], "revoking an npm token");
  },

  probe: (context, { secret }) => probeAnswer(() => whoami(context, secret), judge, { secret, paths: tells }),

  async whoami(context, { secret }) {
    const what = "asking npm whose token this is";
    return { user: shaped(Whoami, accept(await whoami(context, secret), [200], what, true), what).username };
  },
};

const Whoami = z.object({ username: z.string() });
const Token = z.object({
  key: z.string(),
  /** The first characters of the value. */
  token: z.string().nullish(),
  name: z.string().nullish(),
  created: z.string().nullish(),
  readonly: z.boolean().nullish(),
});
const Page = z.object({ objects: z.array(Token), urls: z.object({ next: z.string().nullish() }).nullish() });

function listed(context: DriverContext): Promise<KeyRecord[]> {
  const what = "listing npm tokens";
  return allPages("/-/npm/v1/tokens", what, async (path) => {
    const answer = await send(context, { method: "GET", path, headers: bearer(context.credential) });
    const { objects, urls } = shaped(Page, accept(answer, [200], what, true), what);
    return { items: objects.map(recordOf), next: pathOf(urls?.next, context.host) };
  });
}

/** `undefined` where npm does not accept the token. */
async function userOf(context: DriverContext, token: Secret | undefined): Promise<string | undefined> {
  const answer = await whoami(context, token);
  return answer.status === 200 ? Whoami.safeParse(json(answer)).data?.username : undefined;
}

function whoami(context: DriverContext, token: Secret | undefined): Promise<HttpAnswer> {
  return send(context, { method: "GET", path: "/-/whoami", headers: bearer(token) });
}

function judge(answer: HttpAnswer): ProbeResult | undefined {
  const body = json(answer);
  if (answer.status === 200 && Whoami.safeParse(body).success) return { answer: "alive", code: "200" };
  // the registry answers an invalid token with JSON: {} or { error }
  return answer.status === 401 && z.looseObject({}).safeParse(body).success ? { answer: "invalid", code: "401" } : undefined;
}

function recordOf({ key, token, name, created, readonly }: z.output<typeof Token>): KeyRecord {
  return {
    id: key,
    ...(name ? { name } : {}),
    state: "active",
    ...(token ? { hint: /[.*•…]/.test(token) ? token : `${token}…` } : {}),
    ...(created ? { createdAt: created } : {}),
    attributes: attributesOf({ readonly }),
  };
}
