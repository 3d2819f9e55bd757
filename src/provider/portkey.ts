import { z } from "zod";
import type { Driver, DriverContext, KeyRecord, ProbeResult } from "../driver.ts";
import { UnknownOutcomeError } from "../errors.ts";
import { accept, type HttpAnswer, json, shaped } from "../http.ts";
import { Secret } from "../secret.ts";
import { ownName, probeAnswer } from "./answer.ts";
import { allPages, attributesOf, discardNamed, gone, manifest, matchByHint, parsed, segment, send } from "./vendor.ts";

/**
 * Portkey API keys by an organisation's admin key (https://portkey.ai/docs/api-reference/admin-api/control-plane/api-keys). Rotating gives
 * the same id a new value and lets the old one live for a transition of 30 minutes or more, which nothing but deleting the key can
 * shorten. What a second rotation does to the value before the last is undocumented (November 2026), so there never is one.
 */
export const portkey: Driver = {
  manifest: manifest({
    type: "portkey/api-key",
    name: "Portkey API key",
    detectors: ["portkey-api-key"],
    class: "grace-roll",
    verbs: ["list", "issue", "roll", "revoke", "probe"],
    grace: { min: 1_800_000 },
    // Hybrid and self-hosted gateways drop cached keys about once a minute (https://portkey.ai/docs/support/rotate-credentials).
    propagation: { create: 5_000, revoke: 120_000 },
    probeCall: "GET /v1/models",
    tells: [],
    hosts: ["api.portkey.ai"],
    invalidMeansDead: false, // an expired key, and one that the gateway could not look up, get the same 401
    pages: { revoke: "https://app.portkey.ai/api-keys", issue: "https://app.portkey.ai/api-keys" },
    rights: {
      list: ["workspace_service_api_keys.list, or organisation_service_api_keys.list"],
      issue: ["workspace_service_api_keys.create, or organisation_service_api_keys.create"],
      roll: ["workspace_service_api_keys.update, or organisation_service_api_keys.update"],
      revoke: ["workspace_service_api_keys.delete, or organisation_service_api_keys.delete"],
    },
    rehearsal: { type: "workspace-service", scopes: '["completions.write"]' },
  }),

  async match(context, { secret }) {
    if (secret === undefined) return { records: [], grade: "weak" };
    // a token of a self-hosted gateway begins as every JWT does, so its first letters name nobody
    const publicPrefix = secret.reveal().startsWith("ey") ? "ey" : "";
    return matchByHint(await listed(context), secret, publicPrefix, {
      alive: async () => (await probe(context, secret)).answer === "alive",
    });
  },

  list: (context) => listed(context),

  async issue(context, { name, like }) {
    const { type = "workspace-service", scopes, workspace_id, user_id, rate_limits, usage_limits, defaults, expires_at } = like.attributes;
    const [level = "", sub = ""] = type.split("-");
    const body = {
      name: ownName(name),
      scopes: parsed(scopes) ?? [],
      ...(workspace_id === undefined ? {} : { workspace_id }),
      ...(user_id === undefined || sub !== "user" ? {} : { user_id }),
      ...(rate_limits === undefined ? {} : { rate_limits: parsed(rate_limits) }),
      ...(usage_limits === undefined ? {} : { usage_limits: parsed(usage_limits) }),
      ...(defaults === undefined ? {} : { defaults: parsed(defaults) }),
      ...(expires_at === undefined ? {} : { expires_at }),
    };
    const path = `/api-keys/${segment(level, "a level of Portkey keys")}/${segment(sub, "a kind of Portkey keys")}`;
    const created = Created.safeParse(accept(await call(context, "POST", path, body), [200, 201], "creating a Portkey key"));
    if (!created.success) throw new UnknownOutcomeError("Portkey created a key, but its answer has no key in it; discard it by its name");
    const { id, key } = created.data;
    return { record: { id, name, state: "active", attributes: like.attributes }, secret: Secret.from(key), companions: {} };
  },

  async discard(context, { name }) {
    return discardNamed(await listed(context), name, (record) => remove(context, record));
  },

  async roll(context, record, { grace }) {
    const body = { key_transition_period_ms: Math.max(Math.ceil(grace), 1_800_000) };
    const answer = await call(context, "POST", `/api-keys/${idOf(record)}/rotate`, body);
    const rolled = Rolled.safeParse(accept(answer, [200], "rotating a Portkey key"));
    if (!rolled.success) throw new UnknownOutcomeError("Portkey rotated a key, but its answer has no key in it");
    const { key, key_transition_expires_at: until } = rolled.data;
    return { record, secret: Secret.from(key), companions: {}, ...(until ? { oldEndsAt: until } : {}) };
  },

  revoke: (context, record) => remove(context, record),
  probe: (context, { secret }) => probe(context, secret),
};

const Key = z.object({
  id: z.string(),
  key: z.string().nullish(),
  name: z.string().nullish(),
  type: z.string().nullish(),
  user_id: z.string().nullish(),
  workspace_id: z.string().nullish(),
  created_at: z.string().nullish(),
  expires_at: z.string().nullish(),
  scopes: z.array(z.string()).nullish(),
  rate_limits: z.array(z.unknown()).nullish(),
  usage_limits: z.unknown().optional(),
  defaults: z.unknown().optional(),
});
const Page = z.object({ data: z.array(Key) });
const Created = z.object({ id: z.string().min(1), key: z.string().min(1) });
const Rolled = z.object({ key: z.string().min(1), key_transition_expires_at: z.iso.datetime().nullish().catch(undefined) });

/** Pages are counted from 0; the last one is the first that is empty, whatever `total` says. */
function listed(context: DriverContext): Promise<KeyRecord[]> {
  const what = "listing Portkey keys";
  const at = (page: number) => `/api-keys?page_size=100&current_page=${page}`;
  let page = 0;
  return allPages(at(page), what, async (path) => {
    const { data } = shaped(Page, accept(await call(context, "GET", path), [200], what, true), what);
    return { items: data.map(recordOf), next: data.length === 0 ? undefined : at(++page) };
  });
}

async function remove(context: DriverContext, record: KeyRecord): Promise<void> {
  gone(await call(context, "DELETE", `/api-keys/${idOf(record)}`, undefined, true), [200, 204], "deleting a Portkey key");
}

function probe(context: DriverContext, secret: Secret): Promise<ProbeResult> {
  return probeAnswer(() => call({ ...context, credential: secret }, "GET", "/models?limit=1"), judge);
}

function judge(answer: HttpAnswer): ProbeResult | undefined {
  const body = json(answer);
  if (answer.status === 200 && z.object({ data: z.array(z.unknown()) }).safeParse(body).success) return { answer: "alive", code: "200" };
  const refusal = z.object({ message: z.string().includes("Invalid API Key. Error Code: 03") }).safeParse(body);
  return answer.status === 401 && refusal.success ? { answer: "invalid", code: "401 error code 03" } : undefined;
}

function call(context: DriverContext, method: string, path: string, body?: object, safe = false): Promise<HttpAnswer> {
  return send(context, {
    method,
    path: `/v1${path}`,
    headers: context.credential === undefined ? {} : { "x-portkey-api-key": context.credential.reveal() },
    ...(body === undefined ? {} : { body }),
    safe,
  });
}

function idOf({ id }: KeyRecord): string {
  return segment(id, "the id of a Portkey key");
}

function recordOf(key: z.output<typeof Key>): KeyRecord {
  const { type, scopes, workspace_id, user_id, rate_limits, usage_limits, defaults, expires_at } = key;
  return {
    id: key.id,
    ...(key.name ? { name: key.name } : {}),
    state: "active",
    ...(key.key ? { hint: key.key } : {}),
    ...(key.created_at ? { createdAt: key.created_at } : {}),
    attributes: attributesOf({ type, scopes, workspace_id, user_id, rate_limits, usage_limits, defaults, expires_at }),
  };
}
