import { createHash, randomBytes } from "node:crypto";
import { z } from "zod";
import type { Driver, DriverContext, KeyRecord, ProbeResult } from "../driver.ts";
import { HoldError } from "../errors.ts";
import { accept, type HttpAnswer, json, shaped } from "../http.ts";
import { Secret } from "../secret.ts";
import { ownName, probeAnswer } from "./answer.ts";
import { allPages, attributesOf, bearer, discardNamed, gone, manifest, parsed, send } from "./vendor.ts";

const tells = {
  token: "info.key_alias",
  user_id: "info.user_id",
  team_id: "info.team_id",
  scopes: "info.models.*",
  expires: "info.expires",
};

/**
 * Virtual keys of a LiteLLM proxy by its master key (https://docs.litellm.ai/docs/proxy/virtual_keys): the value may be chosen by the
 * caller, keys are blocked and unblocked, and a key's id is the SHA-256 of its text.
 */
export const litellm: Driver = {
  manifest: manifest({
    type: "litellm/virtual-key",
    name: "LiteLLM virtual key",
    detectors: ["litellm-virtual-key"],
    class: "set-value",
    verbs: ["list", "issue", "disable", "enable", "revoke", "probe", "whoami", "usage"],
    // The proxy keeps keys in a cache of its own, 60 s unless its configuration says otherwise (user_api_key_cache_ttl).
    propagation: { create: 1_000, revoke: 60_000 },
    valueChosenByUs: true,
    matchesByHash: true,
    probeCall: "GET /key/info",
    tells: Object.keys(tells),
    hosts: [], // a proxy is somebody's own: only connections and targets name one
    invalidMeansDead: true, // blocked and expired keys have codes of their own
    pages: { revoke: "https://docs.litellm.ai/docs/proxy/virtual_keys" },
    rights: {
      list: ["the proxy's master key, or a key of a proxy admin"],
      issue: ["/key/generate"],
      disable: ["/key/block, /key/unblock"],
      usage: ["/spend/logs"],
      revoke: ["/key/delete"],
    },
  }),

  async match(context, { secret }) {
    if (secret === undefined) return { records: [], grade: "weak" };
    const hash = hashOf(secret);
    return { records: (await listed(context)).filter(({ id }) => id === hash), grade: "confirmed" };
  },

  list: (context) => listed(context),

  async prepare(_context, { name }) {
    ownName(name);
    return { secret: Secret.from(`sk-${randomBytes(16).toString("base64url")}`), companions: {} };
  },

  async issue(context, { name, like, prepared }) {
    if (prepared === undefined)
      throw new HoldError("value-needed", "the value of a new LiteLLM key is chosen before it is set; prepare it first");
    const id = hashOf(prepared.secret);
    const there = (await listed(context)).find((record) => record.id === id);
    if (there !== undefined) return { record: there, ...prepared };
    const { models, max_budget, budget_duration, user_id, team_id, tpm_limit, rpm_limit, metadata, expires } = like.attributes;
    if (expires !== undefined)
      throw new HoldError("not-equal-in-power", "the leaked LiteLLM key expires; make its successor by hand, so that it ends too");
    const answer = await send(context, {
      method: "POST",
      path: "/key/generate",
      headers: bearer(context.credential),
      body: {
        key: prepared.secret.reveal(),
        key_alias: ownName(name),
        ...parsedAll({ models, max_budget, tpm_limit, rpm_limit, metadata }),
        ...attributesOf({ budget_duration, user_id, team_id }),
      },
    });
    accept(answer, [200], "creating a LiteLLM key");
    return { record: { id, name, state: "active", attributes: like.attributes }, ...prepared };
  },

  discard: async (context, { name }) => discardNamed(await listed(context), name, (record) => remove(context, record)),
  disable: (context, record) => block(context, record, "/key/block", "blocking a LiteLLM key"),
  enable: (context, record) => block(context, record, "/key/unblock", "unblocking a LiteLLM key"),
  revoke: (context, record) => remove(context, record),
  probe: (context, { secret }) => probeAnswer(() => ownInfo(context, secret), judge, { secret, paths: tells }),

  /**
   * Every request of the spend log, by the address that the proxy saw. Behind a load balancer that is the balancer's, unless the proxy
   * reads X-Forwarded-For; a proxy that keeps no spend log, or none this old, answers with nothing, which says nothing.
   */
  async usage(context, { id }, { from, to }) {
    const what = "asking LiteLLM for the use of a key";
    const day = (at: number) => new Date(at).toISOString().slice(0, 10);
    // the log is asked for whole days, the last one not included
    const path = `/spend/logs?api_key=${hashed(id)}&summarize=false&start_date=${day(Date.parse(from))}&end_date=${day(Date.parse(to) + 86_400_000)}`;
    const answer = await send(context, { method: "GET", path, headers: bearer(context.credential) });
    const rows = shaped(z.array(Spent), accept(answer, [200], what, true), what);
    const uses = rows.filter(({ startTime }) => Date.parse(startTime) >= Date.parse(from) && Date.parse(startTime) < Date.parse(to));
    const byAddress = Map.groupBy(uses, ({ requester_ip_address }) => requester_ip_address || undefined);
    return {
      seen: [...byAddress].map(([by, of]) => ({
        ...(by === undefined ? {} : { by: by.slice(0, 60) }),
        at: new Date(Math.max(...of.map(({ startTime }) => Date.parse(startTime)))).toISOString(),
        count: of.length,
      })),
      complete: uses.length > 0,
    };
  },

  async whoami(context, { secret }) {
    const what = "asking LiteLLM whose key this is";
    const { info } = shaped(z.object({ info: Key }), accept(await ownInfo(context, secret), [200], what, true), what);
    return attributesOf({ key_alias: info.key_alias, user_id: info.user_id, team_id: info.team_id, models: info.models });
  },
};

const Key = z.object({
  token: z.string().nullish(),
  key_alias: z.string().nullish(),
  blocked: z.boolean().nullish(),
  created_at: z.string().nullish(),
  expires: z.string().nullish(),
  models: z.array(z.string()).nullish(),
  max_budget: z.number().nullish(),
  budget_duration: z.string().nullish(),
  user_id: z.string().nullish(),
  team_id: z.string().nullish(),
  tpm_limit: z.number().nullish(),
  rpm_limit: z.number().nullish(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
});
const Spent = z.object({ startTime: z.string().refine((at) => !Number.isNaN(Date.parse(at))), requester_ip_address: z.string().nullish() });
const Page = z.object({ keys: z.array(Key.extend({ token: z.string() })), total_pages: z.number() });

function listed(context: DriverContext): Promise<KeyRecord[]> {
  const what = "listing LiteLLM keys";
  let page = 1;
  return allPages(pathOf(page), what, async (path) => {
    const answer = await send(context, { method: "GET", path, headers: bearer(context.credential) });
    const { keys, total_pages } = shaped(Page, accept(answer, [200], what, true), what);
    return { items: keys.map(recordOf), next: page < total_pages ? pathOf(++page) : undefined };
  });
}

function pathOf(page: number): string {
  return `/key/list?return_full_object=true&include_team_keys=true&size=100&page=${page}`;
}

async function block(context: DriverContext, { id }: KeyRecord, path: string, what: string): Promise<void> {
  accept(
    await send(context, { method: "POST", path, headers: bearer(context.credential), body: { key: hashed(id) }, safe: true }),
    [200],
    what,
    true,
  );
}

async function remove(context: DriverContext, { id }: KeyRecord): Promise<void> {
  const body = { keys: [hashed(id)] };
  gone(
    await send(context, { method: "POST", path: "/key/delete", headers: bearer(context.credential), body, safe: true }),
    [200],
    "deleting a LiteLLM key",
  );
}

/** Without a key in the query, `/key/info` is about the caller's own. */
function ownInfo(context: DriverContext, secret: Secret): Promise<HttpAnswer> {
  return send(context, { method: "GET", path: "/key/info", headers: bearer(secret) });
}

function judge(answer: HttpAnswer): ProbeResult | undefined {
  const body = json(answer);
  if (answer.status === 200 && z.object({ info: z.object({}) }).safeParse(body).success) return { answer: "alive", code: "200" };
  const { data } = z.object({ error: z.object({ type: z.string(), message: z.string() }) }).safeParse(body);
  if (answer.status !== 401 || data === undefined) return undefined;
  if (data.error.type === "token_not_found_in_db") return { answer: "invalid", code: "401 token_not_found_in_db" };
  return data.error.type === "auth_error" && data.error.message.includes("Key is blocked")
    ? { answer: "disabled", code: "401 blocked" }
    : undefined;
}

function hashOf(secret: Secret): string {
  return createHash("sha256").update(secret.reveal()).digest("hex");
}

function hashed(id: string): string {
  if (/^[0-9a-f]{64}$/.test(id)) return id;
  throw new HoldError("bad-key-id", "this is not the hash of a LiteLLM key");
}

function parsedAll(values: Readonly<Record<string, string | undefined>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, parsed(value)]])));
}

function recordOf({ token, key_alias, blocked, created_at, user_id, ...rest }: z.output<typeof Key>): KeyRecord {
  return {
    id: token ?? "",
    ...(key_alias ? { name: key_alias } : {}),
    state: blocked === true ? "disabled" : "active",
    ...(created_at ? { createdAt: created_at } : {}),
    ...(user_id ? { principal: user_id } : {}),
    attributes: attributesOf({ ...rest, user_id }),
  };
}
