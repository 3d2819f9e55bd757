import { z } from "zod";
import type { Driver, DriverContext, KeyRecord, ProbeResult } from "../driver.ts";
import { HoldError, UnknownOutcomeError } from "../errors.ts";
import { accept, type HttpAnswer, json, shaped } from "../http.ts";
import { Secret } from "../secret.ts";
import { ownName, probeAnswer } from "./answer.ts";
import { allPages, attributesOf, bearer, discardNamed, gone, manifest, parsed, segment, send } from "./vendor.ts";

const tells = { token_id: "result.id", expires: "result.expires_on" };

/**
 * Cloudflare user API tokens by a token that may edit tokens (https://developers.cloudflare.com/api/resources/user/subresources/tokens):
 * list, create with the same policies, disable, enable, delete. A token's own `verify` gives its id. Rolling would end the old value at
 * once and is left alone.
 */
export const cloudflare: Driver = {
  manifest: manifest({
    type: "cloudflare/api-token",
    name: "Cloudflare API token",
    detectors: ["cloudflare-user-token", "cloudflare-legacy-token"],
    class: "m-disable",
    verbs: ["list", "issue", "disable", "enable", "revoke", "probe", "whoami"],
    // Undocumented (November 2026): a margin over the time that an edge takes.
    propagation: { create: 5_000, revoke: 60_000 },
    probeCall: "GET /client/v4/user/tokens/verify",
    tells: Object.keys(tells),
    hosts: ["api.cloudflare.com"],
    invalidMeansDead: true, // "Invalid API Token" is deleted or never made; a disabled one is answered as disabled
    pages: { revoke: "https://dash.cloudflare.com/profile/api-tokens", issue: "https://dash.cloudflare.com/profile/api-tokens" },
    rights: {
      list: ["User API Tokens: Edit"],
      issue: ["User API Tokens: Edit"],
      disable: ["User API Tokens: Edit"],
      revoke: ["User API Tokens: Edit"],
    },
  }),

  async match(context, { secret }) {
    if (secret === undefined) return { records: [], grade: "weak" };
    const id = Verified.safeParse(json(await verify(context, secret))).data?.result?.id;
    if (id === undefined) return { records: [], grade: "weak" };
    return { records: (await listed(context)).filter((record) => record.id === id), grade: "confirmed" };
  },

  list: (context) => listed(context),

  async issue(context, { name, like }) {
    const { policies, condition, expires_on, not_before } = like.attributes;
    if (policies === undefined)
      throw new HoldError("scope-unknown", "the policies of the leaked Cloudflare token are not known; match it first");
    const answer = await send(context, {
      method: "POST",
      path: tokens,
      headers: bearer(context.credential),
      body: {
        name: ownName(name),
        policies: parsed(policies),
        ...(condition === undefined ? {} : { condition: parsed(condition) }),
        ...attributesOf({ expires_on, not_before }),
      },
    });
    const created = z
      .object({ result: Token.extend({ value: z.string().min(1) }) })
      .safeParse(accept(answer, [200], "creating a Cloudflare token"));
    if (!created.success) throw new UnknownOutcomeError("Cloudflare made a token, but its answer has none in it; discard it by its name");
    return { record: recordOf(created.data.result), secret: Secret.from(created.data.result.value), companions: {} };
  },

  discard: async (context, { name }) => discardNamed(await listed(context), name, (record) => remove(context, record)),
  disable: (context, record) => setStatus(context, record, "disabled"),
  enable: (context, record) => setStatus(context, record, "active"),
  revoke: (context, record) => remove(context, record),
  probe: (context, { secret }) => probeAnswer(() => verify(context, secret), judge, { secret, paths: tells }),

  async whoami(context, { secret }) {
    const what = "asking Cloudflare which token this is";
    const answer = await verify(context, secret);
    const { result } = shaped(Verified, accept(answer, [200], what, true), what);
    return attributesOf({ token_id: result?.id, status: result?.status, expires_on: result?.expires_on });
  },
};

const tokens = "/client/v4/user/tokens";

const Token = z.object({
  id: z.string(),
  name: z.string().nullish(),
  status: z.string().nullish(),
  issued_on: z.string().nullish(),
  last_used_on: z.string().nullish(),
  expires_on: z.string().nullish(),
  not_before: z.string().nullish(),
  policies: z.array(z.looseObject({})).nullish(),
  condition: z.looseObject({}).nullish(),
});
const Page = z.object({ result: z.array(Token), result_info: z.object({ page: z.number(), total_pages: z.number() }) });
const Verified = z.object({ result: z.object({ id: z.string(), status: z.string(), expires_on: z.string().nullish() }).nullish() });
const Refused = z.object({ success: z.literal(false), errors: z.array(z.object({ code: z.number() })) });

function listed(context: DriverContext): Promise<KeyRecord[]> {
  const what = "listing Cloudflare tokens";
  return allPages(`${tokens}?per_page=50&page=1`, what, async (path) => {
    const answer = await send(context, { method: "GET", path, headers: bearer(context.credential) });
    const { result, result_info } = shaped(Page, accept(answer, [200], what, true), what);
    const { page, total_pages } = result_info;
    return { items: result.map(recordOf), next: page < total_pages ? `${tokens}?per_page=50&page=${page + 1}` : undefined };
  });
}

/** The API replaces a token as a whole, so that the one that is there is read first; sent twice it has the same result. */
async function setStatus(context: DriverContext, { id }: KeyRecord, status: "active" | "disabled"): Promise<void> {
  const [path, headers, what] = [`${tokens}/${segment(id, tokenId)}`, bearer(context.credential), "switching a Cloudflare token"];
  const body = accept(await send(context, { method: "GET", path, headers }), [200], what, true);
  const { name, policies, condition, expires_on, not_before } = shaped(z.object({ result: Token }), body, what).result;
  const whole = { name, policies, status, ...(condition ? { condition } : {}), ...attributesOf({ expires_on, not_before }) };
  accept(await send(context, { method: "PUT", path, headers, body: whole, safe: true }), [200], what, true);
}

async function remove(context: DriverContext, { id }: KeyRecord): Promise<void> {
  const path = `${tokens}/${segment(id, tokenId)}`;
  gone(
    await send(context, { method: "DELETE", path, headers: bearer(context.credential), safe: true }),
    [200],
    "deleting a Cloudflare token",
  );
}

const tokenId = "the id of a Cloudflare token";

function verify(context: DriverContext, secret: Secret): Promise<HttpAnswer> {
  return send(context, { method: "GET", path: `${tokens}/verify`, headers: bearer(secret) });
}

/** 1000 "Invalid API Token" (https://developers.cloudflare.com/fundamentals/api/get-started/create-token/). */
function judge(answer: HttpAnswer): ProbeResult | undefined {
  const body = json(answer);
  const status = Verified.safeParse(body).data?.result?.status;
  if (answer.status === 200 && status === "active") return { answer: "alive", code: "200 active" };
  if (answer.status === 200 && status === "disabled") return { answer: "disabled", code: "200 disabled" };
  const codes = Refused.safeParse(body).data?.errors.map(({ code }) => code) ?? [];
  return answer.status === 401 && codes.includes(1000) ? { answer: "invalid", code: "401 1000" } : undefined;
}

function recordOf({ id, name, status, issued_on, last_used_on, ...power }: z.output<typeof Token>): KeyRecord {
  return {
    id,
    ...(name ? { name } : {}),
    state: status === "active" ? "active" : "disabled",
    ...(issued_on ? { createdAt: issued_on } : {}),
    ...(last_used_on ? { lastUsedAt: last_used_on } : {}),
    attributes: attributesOf(power),
  };
}
