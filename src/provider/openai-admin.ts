import { z } from "zod";
import type { Driver, DriverContext, KeyRecord, ProbeResult } from "../driver.ts";
import { HoldError, UnknownOutcomeError } from "../errors.ts";
import { accept, type HttpAnswer, json, shaped } from "../http.ts";
import { Secret } from "../secret.ts";
import { ownName, probeAnswer } from "./answer.ts";
import { allPages, attributesOf, bearer, discardNamed, gone, isoOf, manifest, matchByHint, segment, send } from "./vendor.ts";

const tells = { organization: "header:openai-organization" };

/**
 * OpenAI admin keys by another admin key (https://developers.openai.com/api/reference/resources/organization/subresources/admin_api_keys):
 * list, create, delete. Each has the whole power of an organization's owner.
 */
export const openaiAdmin: Driver = {
  manifest: manifest({
    type: "openai/admin-key",
    name: "OpenAI admin key",
    detectors: ["openai-admin-key"],
    class: "m-delete",
    verbs: ["list", "issue", "revoke", "probe"],
    // Undocumented (November 2026): as for the other keys of this vendor.
    propagation: { create: 5_000, revoke: 30_000 },
    probeCall: "GET /v1/organization/admin_api_keys",
    tells: Object.keys(tells),
    hosts: ["api.openai.com"],
    invalidMeansDead: true, // the API knows no disabled keys: `invalid_api_key` is deleted or never made
    pages: {
      revoke: "https://platform.openai.com/settings/organization/admin-keys",
      issue: "https://platform.openai.com/settings/organization/admin-keys",
    },
    rights: { list: ["an admin key"], issue: ["an admin key"], revoke: ["an admin key"] },
  }),

  async match(context, { secret }) {
    if (secret === undefined) return { records: [], grade: "weak" };
    return matchByHint(await listed(context), secret, "sk-admin-", {
      alive: async () => (await probe(context, secret)).answer === "alive",
    });
  },

  list: (context) => listed(context),

  async issue(context, { name, like }) {
    if (like.attributes["expires_at"] !== undefined)
      throw new HoldError("not-equal-in-power", "the leaked OpenAI admin key expires; make its successor by hand, so that it ends too");
    const answer = await call(context, "POST", "", { name: ownName(name) });
    const created = Key.extend({ value: z.string().min(1) }).safeParse(accept(answer, [200, 201], "creating an OpenAI admin key"));
    if (!created.success) throw new UnknownOutcomeError("OpenAI made an admin key, but its answer has none in it; discard it by its name");
    return { record: recordOf(created.data), secret: Secret.from(created.data.value), companions: {} };
  },

  discard: async (context, { name }) => discardNamed(await listed(context), name, (record) => remove(context, record)),
  revoke: (context, record) => remove(context, record),
  probe: (context, { secret }) => probe(context, secret),
};

const Key = z.object({
  id: z.string(),
  name: z.string().nullish(),
  redacted_value: z.string().nullish(),
  created_at: z.number().nullish(),
  last_used_at: z.number().nullish(),
  expires_at: z.number().nullish(),
  owner: z.object({ id: z.string().nullish() }).nullish(),
});
const Page = z.object({ data: z.array(Key), has_more: z.boolean(), last_id: z.string().nullish() });

function listed(context: DriverContext): Promise<KeyRecord[]> {
  const what = "listing OpenAI admin keys";
  return allPages("?limit=100", what, async (query) => {
    const { data, has_more, last_id } = shaped(Page, accept(await call(context, "GET", query), [200], what, true), what);
    return { items: data.map(recordOf), next: has_more ? `?limit=100&after=${encodeURIComponent(last_id ?? "")}` : undefined };
  });
}

async function remove(context: DriverContext, { id }: KeyRecord): Promise<void> {
  const answer = await call(context, "DELETE", `/${segment(id, "the id of an OpenAI admin key")}`, undefined, true);
  gone(answer, [200], "deleting an OpenAI admin key");
}

function probe(context: DriverContext, secret: Secret): Promise<ProbeResult> {
  return probeAnswer(() => call({ ...context, credential: secret }, "GET", "?limit=1"), judge, { secret, paths: tells });
}

function judge(answer: HttpAnswer): ProbeResult | undefined {
  const body = json(answer);
  if (answer.status === 200 && Page.safeParse(body).success) return { answer: "alive", code: "200" };
  const { data } = z.object({ error: z.object({ code: z.string() }) }).safeParse(body);
  return answer.status === 401 && data?.error.code === "invalid_api_key" ? { answer: "invalid", code: "401 invalid_api_key" } : undefined;
}

function call(context: DriverContext, method: string, path: string, body?: object, safe = false): Promise<HttpAnswer> {
  const headers = bearer(context.credential);
  return send(context, { method, path: `/v1/organization/admin_api_keys${path}`, headers, ...(body === undefined ? {} : { body }), safe });
}

function recordOf({ id, name, redacted_value, created_at, last_used_at, expires_at, owner }: z.output<typeof Key>): KeyRecord {
  const [createdAt, lastUsedAt] = [isoOf(created_at), isoOf(last_used_at)];
  return {
    id,
    ...(name ? { name } : {}),
    state: "active",
    ...(redacted_value ? { hint: redacted_value } : {}),
    ...(createdAt === undefined ? {} : { createdAt }),
    ...(lastUsedAt === undefined ? {} : { lastUsedAt }),
    ...(owner?.id ? { principal: owner.id } : {}),
    attributes: attributesOf({ expires_at }),
  };
}
