import { z } from "zod";
import type { Driver, DriverContext, KeyRecord, ProbeResult, Target, Usage } from "../driver.ts";
import { HoldError, UnknownOutcomeError } from "../errors.ts";
import { accept, type HttpAnswer, json, shaped } from "../http.ts";
import { Secret } from "../secret.ts";
import { ownName, probeAnswer } from "./answer.ts";
import { allPages, bearer, gone, isoOf, manifest, matchByHint, segment, send } from "./vendor.ts";

const tells = { organization: "header:openai-organization" };

/**
 * OpenAI project service accounts by an admin key (https://platform.openai.com/docs/api-reference/administration). The API can make
 * a key of a service account but not delete it alone: so a rotation makes a new service account and deletes the leaked one, after
 * looking that it has no other key (rotation.md, finding 6).
 */
export const openai: Driver = {
  manifest: manifest({
    type: "openai/service-account-key",
    name: "OpenAI service account key",
    detectors: ["openai-service-account-key"],
    class: "m-delete",
    verbs: ["list", "issue", "revoke", "probe", "usage"],
    // Undocumented (November 2026); key checks are cached in front of the models, so half a minute before a refusal counts as the last word.
    propagation: { create: 5_000, revoke: 30_000 },
    probeCall: "GET /v1/models",
    tells: Object.keys(tells),
    hosts: ["api.openai.com"],
    invalidMeansDead: true, // the API knows no disabled keys: `invalid_api_key` is deleted or never made
    pages: {
      revoke: "https://platform.openai.com/settings/organization/api-keys",
      issue: "https://platform.openai.com/settings/organization/api-keys",
    },
  }),

  async match(context, target) {
    const { secret } = target;
    if (secret === undefined) return { records: [], grade: "weak" };
    return matchByHint(await listed(context, target), secret, "sk-svcacct-", {
      alive: async () => (await probe(context, secret)).answer === "alive",
    });
  },

  list: (context, target) => listed(context, target),

  async issue(context, { name, like }) {
    const { project, role } = like.attributes;
    if (project === undefined)
      throw new HoldError("scope-unknown", "the project of the OpenAI service account is not known; match the key first");
    if (role !== undefined && role !== "member") {
      throw new HoldError(
        "not-equal-in-power",
        `the API makes service accounts with the role member, the leaked one is ${role}; make its successor by hand`,
      );
    }
    const answer = await call(context, "POST", `${accountsOf(project)}`, { name: ownName(name) });
    const created = Created.safeParse(accept(answer, [200, 201], "creating an OpenAI service account"));
    if (!created.success)
      throw new UnknownOutcomeError("OpenAI made a service account, but its answer has no key in it; discard it by its name");
    const { api_key: key, ...account } = created.data;
    return {
      record: recordOf(project, {
        id: key.id,
        name: key.name,
        created_at: key.created_at,
        owner: { type: "service_account", service_account: account },
      }),
      secret: Secret.from(key.value),
      companions: {},
    };
  },

  async discard(context, { name, like }) {
    const { project } = like.attributes;
    if (project === undefined) return 0;
    const ours = (await paged(context, accountsOf(project), Account, "listing OpenAI service accounts")).filter(
      (account) => account.name === ownName(name),
    );
    for (const account of ours) await removeAccount(context, project, account.id);
    return ours.length;
  },

  async revoke(context, record) {
    const { project } = record.attributes;
    if (project === undefined || record.principal === undefined) {
      throw new HoldError("scope-unknown", "the service account of this OpenAI key is not known; match the key first");
    }
    const keys = (await listed(context, { attributes: { project } })).filter((other) => other.principal === record.principal);
    const others = keys.filter((other) => other.id !== record.id);
    if (others.length > 0) {
      const names = others.map((other) => other.id).join(", ");
      throw new HoldError(
        "shared-service-account",
        `deleting this service account would also kill ${names}; move their users first, or delete it by hand`,
      );
    }
    await removeAccount(context, project, record.principal);
  },

  probe: (context, target) => probe(context, target.secret),
  usage: (context, record, window) => usageOf(context, record, window),
};

/** The kinds of requests that OpenAI counts by key; there are others, so that the absence of a use says nothing. */
const kinds = ["completions", "embeddings", "images", "moderations", "audio_speeches", "audio_transcriptions"];
const Buckets = z.object({
  data: z.array(
    z.object({
      start_time: z.number(),
      results: z.array(z.object({ api_key_id: z.string().nullish(), num_model_requests: z.number().nullish() })),
    }),
  ),
  next_page: z.string().nullish(),
});

/** Requests by hour (by day for more than a week); OpenAI does not say by whom (https://platform.openai.com/docs/api-reference/usage). */
async function usageOf(context: DriverContext, { id }: KeyRecord, { from, to }: { from: string; to: string }): Promise<Usage> {
  const what = "asking OpenAI for the use of a key";
  const [start, end] = [Date.parse(from), Date.parse(to)].map((at) => Math.floor(at / 1000)) as [number, number];
  const [width, limit] = end - start > 7 * 86_400 ? ["1d", 31] : ["1h", 168];
  const seen: { at: string; count: number }[] = [];
  for (const kind of kinds) {
    const query = `start_time=${start}&end_time=${end}&bucket_width=${width}&limit=${limit}&group_by=api_key_id&api_key_ids=${segment(id, "the id of an OpenAI key")}`;
    const first = `/organization/usage/${kind}?${query}`;
    const buckets = await allPages(first, what, async (path) => {
      const { data, next_page } = shaped(Buckets, accept(await call(context, "GET", path), [200], what, true), what);
      return { items: data, next: next_page ? `${first}&page=${encodeURIComponent(next_page)}` : undefined };
    });
    for (const { start_time, results } of buckets) {
      const count = results.filter((one) => one.api_key_id === id).reduce((sum, one) => sum + (one.num_model_requests ?? 0), 0);
      if (count > 0) seen.push({ at: isoOf(start_time) ?? from, count });
    }
  }
  return { seen, complete: false };
}

const Account = z.object({ id: z.string(), name: z.string().nullish(), role: z.string().nullish() });
const Key = z.object({
  id: z.string(),
  name: z.string().nullish(),
  redacted_value: z.string().nullish(),
  created_at: z.number().nullish(),
  last_used_at: z.number().nullish(),
  owner: z.object({ type: z.string(), service_account: Account.nullish() }),
});
const Created = Account.extend({
  api_key: z.object({ id: z.string(), name: z.string().nullish(), value: z.string().min(1), created_at: z.number().nullish() }),
});

/** The service-account keys of the target's project, or of every project where it is not known. All pages, or it throws. */
async function listed(context: DriverContext, target: Target): Promise<KeyRecord[]> {
  const projects =
    target.attributes["project"] === undefined
      ? (await paged(context, "/organization/projects", z.object({ id: z.string() }), "listing OpenAI projects")).map(
          (project) => project.id,
        )
      : [target.attributes["project"]];
  const records: KeyRecord[] = [];
  for (const project of projects) {
    const keys = await paged(context, `/organization/projects/${segment(project, accountId)}/api_keys`, Key, "listing OpenAI keys");
    records.push(...keys.filter((key) => key.owner.type === "service_account").map((key) => recordOf(project, key)));
  }
  return records;
}

async function paged<Item extends z.ZodType<{ id: string }>>(
  context: DriverContext,
  path: string,
  item: Item,
  what: string,
): Promise<z.output<Item>[]> {
  const Page = z.object({ data: z.array(item), has_more: z.boolean() });
  const items: z.output<Item>[] = [];
  for (let page = 0; page < 1000; page++) {
    const after = items.at(-1)?.id;
    const answer = await call(context, "GET", `${path}?limit=100${after === undefined ? "" : `&after=${encodeURIComponent(after)}`}`);
    const { data, has_more } = shaped(Page, accept(answer, [200], what, true), what);
    items.push(...data);
    if (!has_more) return items;
    if (data.length === 0) break;
  }
  throw new HoldError("list-incomplete", `${what}: the pages did not come to an end, so the list is not complete`);
}

async function removeAccount(context: DriverContext, project: string, account: string): Promise<void> {
  const answer = await call(context, "DELETE", `${accountsOf(project)}/${segment(account, accountId)}`, undefined, true);
  gone(answer, [200], "deleting an OpenAI service account");
}

function probe(context: DriverContext, secret: Secret): Promise<ProbeResult> {
  return probeAnswer(() => call({ ...context, credential: secret }, "GET", "/models"), judge, { secret, paths: tells });
}

function judge(answer: HttpAnswer): ProbeResult | undefined {
  const body = json(answer);
  if (answer.status === 200 && z.object({ data: z.array(z.unknown()) }).safeParse(body).success) return { answer: "alive", code: "200" };
  const { data: refusal } = z.object({ error: z.object({ code: z.string() }) }).safeParse(body);
  if (answer.status === 401 && refusal?.error.code === "invalid_api_key") return { answer: "invalid", code: "401 invalid_api_key" };
  return undefined; // also a 401 for an IP list or an organization, and a 403 of a key without the right to list models
}

function call(context: DriverContext, method: string, path: string, body?: object, safe = false): Promise<HttpAnswer> {
  return send(context, { method, path: `/v1${path}`, headers: bearer(context.credential), ...(body === undefined ? {} : { body }), safe });
}

function accountsOf(project: string): string {
  return `/organization/projects/${segment(project, accountId)}/service_accounts`;
}

const accountId = "the id of an OpenAI project or service account";

function times(key: { created_at?: number | null | undefined; last_used_at?: number | null | undefined }) {
  const [createdAt, lastUsedAt] = [isoOf(key.created_at), isoOf(key.last_used_at)];
  return { ...(createdAt === undefined ? {} : { createdAt }), ...(lastUsedAt === undefined ? {} : { lastUsedAt }) };
}

function recordOf(project: string, key: z.output<typeof Key>): KeyRecord {
  const account = key.owner.service_account;
  return {
    id: key.id,
    ...(account?.name ? { name: account.name } : {}),
    state: "active",
    ...(key.redacted_value ? { hint: key.redacted_value } : {}),
    ...times(key),
    ...(account ? { principal: account.id } : {}),
    attributes: { project, ...(account?.role ? { role: account.role } : {}) },
  };
}
