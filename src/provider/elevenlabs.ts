import { z } from "zod";
import type { Driver, DriverContext, KeyRecord, ProbeResult } from "../driver.ts";
import { HoldError, UnknownOutcomeError } from "../errors.ts";
import { accept, type HttpAnswer, json, shaped } from "../http.ts";
import { Secret } from "../secret.ts";
import { ownName, probeAnswer } from "./answer.ts";
import { attributesOf, discardNamed, gone, hintedCharacters, isoOf, manifest, parsed, segment, send } from "./vendor.ts";

const tells = { user_id: "user_id", user: "first_name", plan: "subscription.tier" };

/**
 * Keys of ElevenLabs service accounts by a workspace admin's key (https://elevenlabs.io/docs/api-reference/service-accounts): list, create,
 * enable, disable, delete. Keys of people are made and ended in the app.
 */
export const elevenlabs: Driver = {
  manifest: manifest({
    type: "elevenlabs/service-account-key",
    name: "ElevenLabs API key",
    detectors: ["elevenlabs-api-key"],
    class: "m-disable",
    verbs: ["list", "issue", "disable", "enable", "revoke", "probe", "whoami"],
    // Undocumented (November 2026): a margin over the caches in front of the API.
    propagation: { create: 5_000, revoke: 30_000 },
    probeCall: "GET /v1/user",
    tells: Object.keys(tells),
    hosts: ["api.elevenlabs.io"],
    invalidMeansDead: false, // a disabled key may get the same answer
    pages: { revoke: "https://elevenlabs.io/app/settings/api-keys", issue: "https://elevenlabs.io/app/developers/service-accounts" },
    rights: {
      list: ["service_account_write"],
      issue: ["service_account_write"],
      disable: ["service_account_write"],
      revoke: ["service_account_write"],
    },
  }),

  async match(context, { secret }) {
    if (secret === undefined) return { records: [], grade: "weak" };
    const user = await userOf(context, secret);
    const own = user === undefined ? [] : (await listed(context)).filter(({ principal }) => principal === user);
    // The vendor named the account; of its keys a hint tells which, and one that shows nothing could be any.
    const fitting = own.filter(({ hint }) => hint !== undefined && hintedCharacters(hint, secret) > 0);
    return { records: fitting.length > 0 ? fitting : own, grade: own.length === 1 || fitting.length === 1 ? "strong" : "weak" };
  },

  list: (context) => listed(context),

  async issue(context, { name, like }) {
    const { permissions, character_limit, allowed_ips, third_party_disable_allowed } = like.attributes;
    if (permissions === undefined)
      throw new HoldError("scope-unknown", "the permissions of the leaked ElevenLabs key are not known; make its successor by hand");
    const answer = await call(context, "POST", keysOf(like.principal), {
      name: ownName(name),
      permissions: parsed(permissions),
      ...(character_limit === undefined ? {} : { character_limit: Number(character_limit) }),
      ...(allowed_ips === undefined ? {} : { allowed_ips: parsed(allowed_ips) }),
      ...(third_party_disable_allowed === undefined ? {} : { third_party_disable_allowed: third_party_disable_allowed === "true" }),
    });
    const created = z
      .object({ "xi-api-key": z.string().min(1), key_id: z.string() })
      .safeParse(accept(answer, [200, 201], "creating an ElevenLabs key"));
    if (!created.success) throw new UnknownOutcomeError("ElevenLabs made a key, but its answer has none in it; discard it by its name");
    const record: KeyRecord = { ...like, id: created.data.key_id, name, state: "active" };
    return { record, secret: Secret.from(created.data["xi-api-key"]), companions: {} };
  },

  discard: async (context, { name }) => discardNamed(await listed(context), name, (record) => remove(context, record)),
  disable: (context, record) => setEnabled(context, record, false),
  enable: (context, record) => setEnabled(context, record, true),
  revoke: (context, record) => remove(context, record),
  probe: (context, { secret }) => probeAnswer(() => user(context, secret), judge, { secret, paths: tells }),

  async whoami(context, { secret }) {
    const what = "asking ElevenLabs whose key this is";
    const { user_id, first_name, subscription } = shaped(User, accept(await user(context, secret), [200], what, true), what);
    return attributesOf({ user_id, first_name, tier: subscription?.tier });
  },
};

const User = z.object({
  user_id: z.string(),
  first_name: z.string().nullish(),
  subscription: z.object({ tier: z.string().nullish() }).nullish(),
});
const Key = z.object({
  key_id: z.string(),
  name: z.string().nullish(),
  hint: z.string().nullish(),
  created_at_unix: z.number().nullish(),
  is_disabled: z.boolean().nullish(),
  permissions: z.array(z.string()).nullish(),
  character_limit: z.number().nullish(),
  allowed_ips: z.array(z.string()).nullish(),
  third_party_disable_allowed: z.boolean().nullish(),
});
const Accounts = z.object({
  "service-accounts": z.array(z.object({ service_account_user_id: z.string(), name: z.string().nullish(), "api-keys": z.array(Key) })),
});

/** One answer holds every service account with its keys. */
async function listed(context: DriverContext): Promise<KeyRecord[]> {
  const what = "listing ElevenLabs service accounts";
  const accounts = shaped(Accounts, accept(await call(context, "GET", "/v1/service-accounts"), [200], what, true), what)[
    "service-accounts"
  ];
  return accounts.flatMap((account) => account["api-keys"].map((key) => recordOf(account.service_account_user_id, key)));
}

async function setEnabled(context: DriverContext, { id, principal }: KeyRecord, is_enabled: boolean): Promise<void> {
  const path = `${keysOf(principal)}/${segment(id, "the id of an ElevenLabs key")}`;
  accept(await call(context, "PATCH", path, { is_enabled }, true), [200], "switching an ElevenLabs key", true);
}

async function remove(context: DriverContext, { id, principal }: KeyRecord): Promise<void> {
  const path = `${keysOf(principal)}/${segment(id, "the id of an ElevenLabs key")}`;
  gone(await call(context, "DELETE", path, undefined, true), [200, 204], "deleting an ElevenLabs key");
}

function user(context: DriverContext, secret: Secret): Promise<HttpAnswer> {
  return call({ ...context, credential: secret }, "GET", "/v1/user");
}

async function userOf(context: DriverContext, secret: Secret): Promise<string | undefined> {
  const answer = await user(context, secret);
  return answer.status === 200 ? User.safeParse(json(answer)).data?.user_id : undefined;
}

function judge(answer: HttpAnswer): ProbeResult | undefined {
  const body = json(answer);
  if (answer.status === 200 && User.safeParse(body).success) return { answer: "alive", code: "200" };
  const { data } = z.object({ detail: z.object({ status: z.string() }) }).safeParse(body);
  if (answer.status !== 401) return undefined;
  if (data?.detail.status === "missing_permissions") return { answer: "alive", code: "401 missing_permissions" }; // it knows the key
  return data?.detail.status === "invalid_api_key" ? { answer: "invalid", code: "401 invalid_api_key" } : undefined;
}

function call(context: DriverContext, method: string, path: string, body?: object, safe = false): Promise<HttpAnswer> {
  const headers: Record<string, string> = context.credential === undefined ? {} : { "xi-api-key": context.credential.reveal() };
  return send(context, { method, path, headers, ...(body === undefined ? {} : { body }), safe });
}

function keysOf(account: string | undefined): string {
  return `/v1/service-accounts/${segment(account, "the id of an ElevenLabs service account")}/api-keys`;
}

function recordOf(account: string, { key_id, name, hint, created_at_unix, is_disabled, ...power }: z.output<typeof Key>): KeyRecord {
  const createdAt = isoOf(created_at_unix);
  return {
    id: key_id,
    ...(name ? { name } : {}),
    state: is_disabled === true ? "disabled" : "active",
    ...(hint ? { hint } : {}),
    ...(createdAt === undefined ? {} : { createdAt }),
    principal: account,
    attributes: attributesOf(power),
  };
}
