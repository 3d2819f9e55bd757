import { z } from "zod";
import type { Driver, DriverContext, KeyRecord, ProbeResult } from "../driver.ts";
import { HoldError, UnknownOutcomeError } from "../errors.ts";
import { accept, type HttpAnswer, json, shaped } from "../http.ts";
import { Secret } from "../secret.ts";
import { ownName, probeAnswer } from "./answer.ts";
import { attributesOf, bearer, discardNamed, gone, isoOf, manifest, segment, send } from "./vendor.ts";

const tells = { user: "displayName", user_id: "id", role: "groups.*.display" };

/**
 * Personal access tokens of a Databricks workspace by a workspace admin's token
 * (https://docs.databricks.com/api/token-management/v1/token-management): list, delete, and create on behalf of a service principal. A
 * list shows nothing of a value, so a token is named where it is the only one of the principal that it authenticates as.
 */
export const databricks: Driver = {
  manifest: manifest({
    type: "databricks/token",
    name: "Databricks personal access token",
    detectors: ["databricks-token"],
    class: "m-delete",
    verbs: ["list", "issue", "revoke", "probe", "whoami"],
    // Undocumented (November 2026): a margin over caches of a minute.
    propagation: { create: 5_000, revoke: 60_000 },
    probeCall: "GET /api/2.0/preview/scim/v2/Me",
    tells: Object.keys(tells),
    hosts: [], // every workspace has a host of its own, which a connection names
    issuedElsewhere: true,
    proof: "both", // a 403 is also what an IP access list answers, so the token must be gone from the list too
    invalidMeansDead: false,
    pages: {
      revoke: "https://docs.databricks.com/aws/en/admin/access-control/tokens",
      issue: "https://docs.databricks.com/aws/en/dev-tools/auth/pat",
    },
    advice: "OAuth of a service principal instead of a token: https://docs.databricks.com/aws/en/dev-tools/auth/oauth-m2m",
    rights: {
      list: ["a workspace admin's token"],
      issue: ["a workspace admin's token, on AWS or Google Cloud, for tokens of service principals"],
      revoke: ["a workspace admin's token"],
    },
  }),

  async match(context, { secret }) {
    if (secret === undefined) return { records: [], grade: "weak" };
    const own = Me.safeParse(json(await me(context, secret)));
    if (!own.success) return { records: [], grade: "weak" };
    const records = (await listed(context)).filter(({ principal }) => principal === own.data.id);
    return { records, grade: records.length === 1 ? "strong" : "weak" };
  },

  list: (context) => listed(context),

  async issue(context, { name, like }) {
    const { lifetime_seconds } = like.attributes;
    const body = {
      application_id: await applicationOf(context, like),
      comment: ownName(name),
      ...(lifetime_seconds === undefined ? {} : { lifetime_seconds: Number(lifetime_seconds) }),
    };
    const answer = await call(context, context.credential, "POST", "/api/2.0/token-management/on-behalf-of/tokens", body);
    const created = Created.safeParse(accept(answer, [200, 201], "creating a Databricks token"));
    if (!created.success)
      throw new UnknownOutcomeError("Databricks made a token, but its answer has none in it; discard it by its comment");
    const { token_info, token_value } = created.data;
    const record = { ...recordOf(token_info), ...(like.principal === undefined ? {} : { principal: like.principal }) };
    return { record, secret: Secret.from(token_value), companions: {} };
  },

  discard: async (context, { name }) => discardNamed(await listed(context), name, (record) => remove(context, record)),
  revoke: (context, record) => remove(context, record),
  probe: (context, { secret }) => probeAnswer(() => me(context, secret), judge, { secret, paths: tells }),

  async whoami(context, { secret }) {
    const what = "asking Databricks whose token this is";
    const { id, userName, displayName } = shaped(Me, accept(await me(context, secret), [200], what, true), what);
    return attributesOf({ principal: id, user: displayName ?? userName });
  },
};

const Me = z.object({ id: z.string(), userName: z.string().nullish(), displayName: z.string().nullish() });
const Token = z.object({
  token_id: z.string(),
  comment: z.string().nullish(),
  /** Milliseconds since 1970; the expiry of a token that has none is -1. */
  creation_time: z.number().nullish(),
  expiry_time: z.number().nullish(),
  owner_id: z.union([z.number(), z.string()]).nullish(),
});
const Created = z.object({ token_value: z.string().min(1), token_info: Token });

/** Every valid token of the workspace; the list has no pages. */
async function listed(context: DriverContext): Promise<KeyRecord[]> {
  const what = "listing Databricks tokens";
  const answer = await call(context, context.credential, "GET", "/api/2.0/token-management/tokens");
  const body = accept(answer, [200], what, true);
  // a workspace without any token answers with an empty object
  return (shaped(z.object({ token_infos: z.array(Token).optional() }), body, what).token_infos ?? []).map(recordOf);
}

async function applicationOf(context: DriverContext, { principal }: KeyRecord): Promise<string> {
  const what = "reading the service principal of a Databricks token";
  const path = `/api/2.0/preview/scim/v2/ServicePrincipals/${segment(principal, "the id of a Databricks principal")}`;
  const answer = await call(context, context.credential, "GET", path);
  if (answer.status === 404) {
    throw new HoldError(
      "users-own",
      "this token belongs to a person, and Databricks lets nobody else make one for them; nothing was changed. Its owner makes a new one (Settings > Developer), stores it, and cancels this run",
    );
  }
  return shaped(z.object({ applicationId: z.string() }), accept(answer, [200], what, true), what).applicationId;
}

async function remove(context: DriverContext, { id }: KeyRecord): Promise<void> {
  const path = `/api/2.0/token-management/tokens/${segment(id, "the id of a Databricks token")}`;
  gone(await call(context, context.credential, "DELETE", path, undefined, true), [200, 204], "deleting a Databricks token");
}

function me(context: DriverContext, secret: Secret): Promise<HttpAnswer> {
  return call(context, secret, "GET", "/api/2.0/preview/scim/v2/Me");
}

function judge(answer: HttpAnswer): ProbeResult | undefined {
  const body = json(answer);
  if (answer.status === 200 && Me.safeParse(body).success) return { answer: "alive", code: "200" };
  const refusal = z.object({ message: z.string().includes("Invalid access token") }).safeParse(body);
  return answer.status === 403 && refusal.success ? { answer: "invalid", code: "403 Invalid access token" } : undefined;
}

function call(
  context: DriverContext,
  token: Secret | undefined,
  method: string,
  path: string,
  body?: object,
  safe = false,
): Promise<HttpAnswer> {
  return send(context, { method, path, headers: bearer(token), ...(body === undefined ? {} : { body }), safe });
}

function recordOf({ token_id, comment, creation_time, expiry_time, owner_id }: z.output<typeof Token>): KeyRecord {
  const created = isoOf((creation_time ?? 0) / 1000);
  const lifetime =
    expiry_time && creation_time && expiry_time > creation_time ? Math.round((expiry_time - creation_time) / 1000) : undefined;
  return {
    id: token_id,
    ...(comment ? { name: comment } : {}),
    state: "active",
    ...(created === undefined ? {} : { createdAt: created }),
    ...(owner_id === null || owner_id === undefined ? {} : { principal: String(owner_id) }),
    attributes: attributesOf({ lifetime_seconds: lifetime === undefined ? undefined : String(lifetime) }),
  };
}
