import { z } from "zod";
import type { Driver, DriverContext, KeyRecord, ProbeResult } from "../driver.ts";
import { HoldError, UnknownOutcomeError } from "../errors.ts";
import { accept, type HttpAnswer, json, shaped } from "../http.ts";
import { Secret } from "../secret.ts";
import { ownName, probeAnswer } from "./answer.ts";
import { allPages, attributesOf, discardNamed, gone, manifest, parsed, segment, send } from "./vendor.ts";

const tells = {
  user_id: "user_id",
  token: "name",
  token_id: "id",
  scopes: "scopes.*",
  created: "created_at",
  expires: "expires_at",
  last_used: "last_used_at",
};

/**
 * GitLab personal access tokens by an administrator's token (https://docs.gitlab.com/api/personal_access_tokens/): create and delete.
 * Never `rotate`: a second rotation of the same token revokes the new one and its whole family (gitlab-org/gitlab#524639). On gitlab.com
 * nobody may make a token for another user, so there the successor is made by hand and the refusal says so.
 */
export const gitlab: Driver = {
  manifest: manifest({
    type: "gitlab/access-token",
    name: "GitLab access token",
    detectors: ["gitlab-token", "gitlab-routable-token"],
    class: "m-delete",
    verbs: ["list", "issue", "revoke", "probe", "whoami"],
    // Undocumented (November 2026): tokens are looked up in the database, replicas may lag by seconds.
    propagation: { create: 5_000, revoke: 30_000 },
    probeCall: "GET /api/v4/personal_access_tokens/self",
    tells: Object.keys(tells),
    hosts: ["gitlab.com"],
    issuedElsewhere: true,
    proof: "both", // a blocked user's token gets a 401 or 403 too, so the list must say revoked
    invalidMeansDead: false,
    pages: {
      revoke: "https://gitlab.com/-/user_settings/personal_access_tokens",
      issue: "https://gitlab.com/-/user_settings/personal_access_tokens",
    },
    rights: { list: ["api, as an administrator"], issue: ["api, as an administrator"], revoke: ["api, as an administrator"] },
  }),

  async match(context, { secret }) {
    if (secret === undefined) return { records: [], grade: "weak" };
    const own = Token.safeParse(json(await self(context, secret)));
    if (!own.success) return { records: [], grade: "weak" };
    return { records: [recordOf(own.data)], grade: "confirmed" };
  },

  list: (context, { attributes }) => listed(context, attributes["principal"]),

  async issue(context, { name, like }) {
    const { scopes, expires_at } = like.attributes;
    if (scopes === undefined) throw new HoldError("scope-unknown", "the scopes of the leaked GitLab token are not known; match it first");
    const path = `/api/v4/users/${segment(like.principal, userId)}/personal_access_tokens`;
    const body = { name: ownName(name), scopes: parsed(scopes), ...(expires_at === undefined ? {} : { expires_at }) };
    const answer = await send(context, { method: "POST", path, headers: auth(context.credential), body });
    const created = Token.extend({ token: z.string().min(1) }).safeParse(accept(answer, [201], "creating a GitLab token"));
    if (!created.success) throw new UnknownOutcomeError("GitLab made a token, but its answer has none in it; discard it by its name");
    return { record: recordOf(created.data), secret: Secret.from(created.data.token), companions: {} };
  },

  discard: async (context, { name, like }) =>
    discardNamed(await listed(context, like.principal), name, (record) => remove(context, record)),
  revoke: (context, record) => remove(context, record),
  probe: (context, { secret }) => probeAnswer(() => self(context, secret), judge, { secret, paths: tells }),

  async whoami(context, { secret }) {
    const what = "asking GitLab whose token this is";
    const { id, user_id, name, scopes, expires_at } = shaped(Token, accept(await self(context, secret), [200], what, true), what);
    return attributesOf({ token_id: id, user_id, name, scopes, expires_at });
  },
};

const Token = z.object({
  id: z.number().int(),
  name: z.string().nullish(),
  revoked: z.boolean().nullish(),
  active: z.boolean().nullish(),
  user_id: z.number().int(),
  scopes: z.array(z.string()).nullish(),
  created_at: z.string().nullish(),
  last_used_at: z.string().nullish(),
  expires_at: z.string().nullish(),
});

/** Pages by number; the header `x-next-page` names the following one and is empty on the last (https://docs.gitlab.com/api/rest/#pagination). */
function listed(context: DriverContext, user: string | undefined): Promise<KeyRecord[]> {
  const what = "listing GitLab tokens";
  const base = `/api/v4/personal_access_tokens?per_page=100${user === undefined ? "" : `&user_id=${segment(user, userId)}`}`;
  return allPages(`${base}&page=1`, what, async (path) => {
    const answer = await send(context, { method: "GET", path, headers: auth(context.credential) });
    const items = shaped(z.array(Token), accept(answer, [200], what, true), what).map(recordOf);
    const next = answer.headers["x-next-page"];
    if (next === undefined) throw new HoldError("list-incomplete", `${what}: the answer does not say whether there is another page`);
    return { items, next: next === "" ? undefined : `${base}&page=${segment(next, "a page of GitLab's")}` };
  });
}

const userId = "the id of a GitLab user";

async function remove(context: DriverContext, { id }: KeyRecord): Promise<void> {
  const path = `/api/v4/personal_access_tokens/${segment(id, "the id of a GitLab token")}`;
  gone(await send(context, { method: "DELETE", path, headers: auth(context.credential), safe: true }), [204], "revoking a GitLab token");
}

function self(context: DriverContext, secret: Secret): Promise<HttpAnswer> {
  return send(context, { method: "GET", path: "/api/v4/personal_access_tokens/self", headers: auth(secret) });
}

function judge(answer: HttpAnswer): ProbeResult | undefined {
  const body = json(answer);
  if (answer.status === 200 && Token.safeParse(body).data?.active === true) return { answer: "alive", code: "200" };
  const refusal = z.object({ error: z.string().nullish(), message: z.string().nullish() }).safeParse(body).data;
  if (answer.status !== 401) return undefined;
  if (refusal?.error === "invalid_token") return { answer: "invalid", code: "401 invalid_token" };
  return refusal?.message === "401 Unauthorized" ? { answer: "invalid", code: "401 Unauthorized" } : undefined;
}

function auth(token: Secret | undefined): Record<string, string> {
  return token === undefined ? {} : { "private-token": token.reveal() };
}

function recordOf({ id, name, revoked, active, user_id, scopes, created_at, last_used_at, expires_at }: z.output<typeof Token>): KeyRecord {
  return {
    id: String(id),
    ...(name ? { name } : {}),
    state: revoked === true ? "gone" : active === false ? "disabled" : "active",
    ...(created_at ? { createdAt: created_at } : {}),
    ...(last_used_at ? { lastUsedAt: last_used_at } : {}),
    principal: String(user_id),
    attributes: attributesOf({ scopes, expires_at }),
  };
}
