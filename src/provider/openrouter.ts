import { createHash } from "node:crypto";
import { z } from "zod";
import type { Driver, DriverContext, KeyRecord, ProbeResult } from "../driver.ts";
import { HoldError, UnknownOutcomeError } from "../errors.ts";
import { accept, type HttpAnswer, json, shaped } from "../http.ts";
import { Secret } from "../secret.ts";
import { ownName, probeAnswer } from "./answer.ts";
import { attributesOf, bearer, discardNamed, gone, manifest, send } from "./vendor.ts";

const tells = { token: "data.label", user_id: "data.creator_user_id", expires: "data.expires_at" };

/**
 * OpenRouter API keys by a management key (https://openrouter.ai/docs/api/api-reference/api-keys): create, disable, enable and
 * delete by hash. The hash is the SHA-256 of the key's text, so a leaked key names its own record.
 */
export const openrouter: Driver = {
  manifest: manifest({
    type: "openrouter/api-key",
    name: "OpenRouter API key",
    detectors: ["openrouter-api-key"],
    class: "m-disable",
    verbs: ["list", "issue", "disable", "enable", "revoke", "probe", "whoami", "usage"],
    // The vendor documents no propagation times (November 2026): 10 s is a margin over the seconds that key caches at an edge take.
    propagation: { create: 2_000, revoke: 10_000 },
    matchesByHash: true,
    probeCall: "GET /api/v1/key",
    tells: Object.keys(tells),
    hosts: ["openrouter.ai"],
    invalidMeansDead: false, // a disabled or expired key gets the same 401
    pages: { revoke: "https://openrouter.ai/settings/keys", issue: "https://openrouter.ai/settings/keys" },
  }),

  async match(context, target) {
    if (target.secret === undefined) return { records: [], grade: "weak" };
    const hash = createHash("sha256").update(target.secret.reveal()).digest("hex");
    const answer = await call(context, "GET", `/keys/${hash}`);
    if (answer.status === 404) return { records: [], grade: "confirmed" };
    const what = "looking up an OpenRouter key";
    return { records: [recordOf(shaped(One, accept(answer, [200], what, true), what).data)], grade: "confirmed" };
  },

  list: (context) => listed(context),

  async issue(context, { name, like }) {
    const { limit, limit_reset, include_byok_in_limit, expires_at, workspace_id } = like.attributes;
    const answer = await call(context, "POST", "/keys", {
      name: ownName(name),
      ...(limit === undefined ? {} : { limit: Number(limit) }),
      ...(limit_reset === undefined ? {} : { limit_reset }),
      ...(include_byok_in_limit === undefined ? {} : { include_byok_in_limit: include_byok_in_limit === "true" }),
      ...(expires_at === undefined ? {} : { expires_at }),
      ...(workspace_id === undefined ? {} : { workspace_id }),
    });
    const created = Created.safeParse(accept(answer, [200, 201], "creating an OpenRouter key"));
    if (!created.success)
      throw new UnknownOutcomeError("OpenRouter created a key, but its answer has no key in it; discard it by its name");
    return { record: recordOf(created.data.data), secret: Secret.from(created.data.key), companions: {} };
  },

  async discard(context, { name }) {
    return discardNamed(await listed(context), name, (record) => remove(context, record));
  },

  async disable(context, record) {
    accept(await call(context, "PATCH", `/keys/${idOf(record)}`, { disabled: true }, true), [200], "disabling an OpenRouter key", true);
  },

  async enable(context, record) {
    accept(await call(context, "PATCH", `/keys/${idOf(record)}`, { disabled: false }, true), [200], "enabling an OpenRouter key", true);
  },

  revoke: (context, record) => remove(context, record),

  probe: (context, target) => probeAnswer(() => current(context, target.secret), judge, { secret: target.secret, paths: tells }),

  /** Requests by day and model, of complete days in UTC only; today's spend says that there was one. The vendor does not say by whom. */
  async usage(context, record, { from, to }) {
    const what = "asking OpenRouter for the use of a key";
    const read = async (path: string) => accept(await call(context, "GET", path), [200], what, true);
    const { data } = shaped(Activity, await read(`/activity?api_key_hash=${idOf(record)}`), what);
    const { usage_daily } = shaped(One, await read(`/keys/${idOf(record)}`), what).data;
    const today = to.slice(0, 10);
    const days = data.filter(({ date, requests }) => date >= from.slice(0, 10) && date < today && requests > 0);
    return {
      seen: [...days.map(({ date, requests }) => ({ at: date, count: requests })), ...((usage_daily ?? 0) > 0 ? [{ at: today }] : [])],
      complete: false,
    };
  },

  async whoami(context, target) {
    const what = "asking OpenRouter whose key this is";
    const body = accept(await current(context, target.secret), [200], what, true);
    return { label: shaped(z.object({ data: z.object({ label: z.string() }) }), body, what).data.label };
  },
};

const Key = z.object({
  hash: z.string(),
  name: z.string().nullish(),
  label: z.string().nullish(),
  disabled: z.boolean(),
  limit: z.number().nullish(),
  limit_reset: z.string().nullish(),
  include_byok_in_limit: z.boolean().nullish(),
  expires_at: z.string().nullish(),
  workspace_id: z.string().nullish(),
  usage_daily: z.number().nullish(),
  created_at: z.string().nullish(),
});
const Activity = z.object({ data: z.array(z.object({ date: z.string(), requests: z.number() })) });
const One = z.object({ data: Key });
const Page = z.object({ data: z.array(Key) });
const Created = z.object({ data: Key, key: z.string().min(1) });

/** All pages, disabled keys too; the vendor has no total, so an empty page ends it. */
async function listed(context: DriverContext): Promise<KeyRecord[]> {
  const what = "listing OpenRouter keys";
  const records = new Map<string, KeyRecord>();
  for (let offset = 0; offset < 100_000; ) {
    const answer = await call(context, "GET", `/keys?include_disabled=true&offset=${offset}`);
    const { data } = shaped(Page, accept(answer, [200], what, true), what);
    if (data.length === 0) return [...records.values()];
    for (const key of data) records.set(key.hash, recordOf(key));
    offset += data.length;
  }
  throw new HoldError("list-incomplete", "OpenRouter lists more than 100000 keys, so the list is not complete");
}

async function remove(context: DriverContext, record: KeyRecord): Promise<void> {
  gone(await call(context, "DELETE", `/keys/${idOf(record)}`, undefined, true), [200, 204], "deleting an OpenRouter key");
}

function current(context: DriverContext, secret: Secret): Promise<HttpAnswer> {
  return call({ ...context, credential: secret }, "GET", "/key");
}

function judge(answer: HttpAnswer): ProbeResult | undefined {
  if (
    answer.status === 200 &&
    z.object({ data: z.object({ is_management_key: z.boolean().optional() }) }).safeParse(json(answer)).success
  ) {
    return { answer: "alive", code: "200" };
  }
  const refusal = z.object({ error: z.object({ code: z.literal(401) }) }).safeParse(json(answer));
  return answer.status === 401 && refusal.success ? { answer: "invalid", code: "401 error 401" } : undefined;
}

function call(context: DriverContext, method: string, path: string, body?: object, safe = false): Promise<HttpAnswer> {
  return send(context, {
    method,
    path: `/api/v1${path}`,
    headers: bearer(context.credential),
    ...(body === undefined ? {} : { body }),
    safe,
  });
}

function idOf(record: KeyRecord): string {
  if (/^[A-Za-z0-9_-]{8,200}$/.test(record.id)) return record.id;
  throw new HoldError("bad-key-id", "this is not the hash of an OpenRouter key");
}

function recordOf(key: z.output<typeof Key>): KeyRecord {
  const { limit, limit_reset, include_byok_in_limit, expires_at, workspace_id } = key;
  return {
    id: key.hash,
    ...(key.name ? { name: key.name } : {}),
    state: key.disabled ? "disabled" : "active",
    ...(key.label ? { hint: key.label } : {}),
    ...(key.created_at ? { createdAt: key.created_at } : {}),
    attributes: attributesOf({ limit, limit_reset, include_byok_in_limit, expires_at, workspace_id }),
  };
}
