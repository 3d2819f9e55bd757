import { setTimeout as wait } from "node:timers/promises";
import { z } from "zod";
import { googleKeyOf, googleService, googleToken } from "../connection/google.ts";
import type { Driver, DriverContext, KeyRecord, ProbeResult } from "../driver.ts";
import { HoldError, UnknownOutcomeError } from "../errors.ts";
import { accept, type HttpAnswer, json, shaped } from "../http.ts";
import { Secret } from "../secret.ts";
import { ownName, probeAnswer } from "./answer.ts";
import { allPages, attributesOf, bearer, discardNamed, gone, manifest, parsed, send } from "./vendor.ts";

/**
 * Google API keys (Gemini, Maps, Firebase) of a project (https://cloud.google.com/api-keys/docs/reference/rest/v2/projects.locations.keys).
 * Google finds a key by its value. It cannot be switched off; to contain it, it is bound to an address that nobody has, and what it was bound
 * to before is kept in an annotation of the key. A deleted key can be brought back for 30 days, by hand.
 */
export const googleApiKey: Driver = {
  manifest: manifest({
    type: "google-api-key/key",
    name: "Google API key",
    connection: "google",
    detectors: ["google-api-key"],
    class: "m-disable",
    verbs: ["list", "issue", "disable", "enable", "revoke", "probe", "whoami"],
    reversible: { disable: true, revoke: true },
    // "It can take a few minutes" until a change arrives (https://cloud.google.com/docs/authentication/api-keys).
    propagation: { create: 60_000, revoke: 300_000 },
    probeCall: "GET /v1beta/models of generativelanguage.googleapis.com",
    tells: [],
    hosts: ["generativelanguage.googleapis.com"],
    invalidMeansDead: true,
    pages: { revoke: "https://console.cloud.google.com/apis/credentials" },
    advice: "Bind a key to the APIs and callers that need it: https://cloud.google.com/docs/authentication/api-keys#securing",
    rights: {
      list: ["apikeys.keys.list", "apikeys.keys.get", "apikeys.keys.lookup"],
      issue: ["apikeys.keys.create", "apikeys.keys.getKeyString", "serviceusage.operations.get"],
      disable: ["apikeys.keys.update", "serviceusage.operations.get"],
      revoke: ["apikeys.keys.delete", "serviceusage.operations.get"],
    },
    rehearsal: { restrictions: '{"apiTargets":[{"service":"generativelanguage.googleapis.com"}]}' },
  }),

  async match(context, { secret }) {
    const name = secret === undefined ? undefined : await lookedUp(context, secret);
    if (name === undefined) return { records: [], grade: "weak" };
    const key = await keyOf(context, name);
    return { records: key === undefined ? [] : [recordOf(key)], grade: "confirmed" };
  },

  async list(context, { attributes }) {
    const what = "listing Google API keys";
    const first = `${parentOf(context, attributes["principal"])}/keys?pageSize=100&showDeleted=true`;
    return allPages(first, what, async (path) => {
      const { keys = [], nextPageToken } = shaped(Page, accept(await call(context, "GET", path), [200], what, true), what);
      return { items: keys.map(recordOf), next: nextPageToken ? `${first}&pageToken=${encodeURIComponent(nextPageToken)}` : undefined };
    });
  },

  async issue(context, { name, like }) {
    const { restrictions, account } = like.attributes;
    if (restrictions === undefined)
      throw new HoldError("scope-unknown", "what the leaked Google API key is bound to is not known; match it first");
    const what = "creating a Google API key";
    const body = {
      displayName: ownName(name),
      ...(restrictions === "{}" ? {} : { restrictions: parsed(restrictions) }),
      ...(account === undefined ? {} : { serviceAccountEmail: account }),
    };
    const started = await call(context, "POST", `${parentOf(context, like.principal)}/keys`, body);
    const made = Key.safeParse(await finished(context, started, what));
    if (!made.success) throw new UnknownOutcomeError("Google made an API key, but its answer has none in it; discard it by its name");
    // the value is in no list and no answer but this one, which may be asked for again
    const answer = await call(context, "GET", `/v2/${made.data.name}/keyString`);
    const { keyString } = shaped(Value, accept(answer, [200], "reading a new Google API key", true), "reading a new Google API key");
    return { record: recordOf(made.data), secret: Secret.from(keyString), companions: {} };
  },

  async discard(context, { name, like }) {
    const records =
      (await googleApiKey.list?.(context, { attributes: like.principal === undefined ? {} : { principal: like.principal } })) ?? [];
    return discardNamed(records, name, (record) => remove(context, record));
  },

  async disable(context, { id }) {
    const key = await keyOf(context, named(id));
    if (key === undefined || stateOf(key) !== "active") return;
    const { restrictions = {}, annotations = {} } = key;
    const { serverKeyRestrictions: _, browserKeyRestrictions, androidKeyRestrictions, iosKeyRestrictions, ...targets } = restrictions;
    await change(context, key, {
      restrictions: { ...targets, serverKeyRestrictions: { allowedIps: [nobody] } },
      annotations: { ...annotations, [mark]: JSON.stringify(restrictions) },
    });
  },

  async enable(context, { id }) {
    const key = await keyOf(context, named(id));
    if (key === undefined || stateOf(key) === "gone")
      throw new HoldError("old-gone", "this Google API key is deleted; within 30 days it can be brought back by hand (undelete)");
    const { [mark]: before, ...annotations } = key.annotations ?? {};
    if (before !== undefined) await change(context, key, { restrictions: parsed(before), annotations });
  },

  revoke: (context, record) => remove(context, record),

  probe: (context, { secret }) =>
    probeAnswer(() => {
      const host = googleService(context, "generativelanguage.googleapis.com");
      const headers = { "x-goog-api-key": secret.reveal() };
      return send({ ...context, host }, { method: "GET", path: "/v1beta/models?pageSize=1", headers });
    }, judge),

  async whoami(context, { secret }) {
    const name = await lookedUp(context, secret);
    if (name === undefined) throw new HoldError("unexpected-answer", "Google knows no API key of this value, or may not say so");
    return { project: name.split("/")[1] ?? "", key: name };
  },
};

/** RFC 5737: an address of the documentation, from which nobody calls. */
const nobody = "192.0.2.1";
/** The annotation that holds what a contained key was bound to before. */
const mark = "rekey-restrictions";

const Key = z.object({
  name: z.string().regex(/^projects\/[\w:.-]+\/locations\/global\/keys\/[\w-]+$/),
  displayName: z.string().nullish(),
  createTime: z.string().nullish(),
  deleteTime: z.string().nullish(),
  etag: z.string().nullish(),
  restrictions: z.record(z.string(), z.unknown()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
  serviceAccountEmail: z.string().nullish(),
});
type Key = z.output<typeof Key>;
const Page = z.object({ keys: z.array(Key).optional(), nextPageToken: z.string().nullish() });
const Value = z.object({ keyString: z.string().min(1) });
const Operation = z.object({
  name: z.string(),
  done: z.boolean().optional(),
  response: z.unknown().optional(),
  error: z.unknown().optional(),
});

/** Google takes the value in the address of this call alone, which http.ts never shows. */
async function lookedUp(context: DriverContext, secret: Secret): Promise<string | undefined> {
  const what = "looking up a Google API key";
  const answer = await call(context, "GET", `/v2/keys:lookupKey?keyString=${encodeURIComponent(secret.reveal())}`);
  // a key of another project is refused, one that never was is not found: neither is ours to name
  if ([400, 403, 404].includes(answer.status)) return undefined;
  return shaped(z.object({ name: z.string().optional() }), accept(answer, [200], what, true), what).name;
}

async function keyOf(context: DriverContext, name: string): Promise<Key | undefined> {
  const what = "reading a Google API key";
  const answer = await call(context, "GET", `/v2/${name}`);
  return answer.status === 404 ? undefined : shaped(Key, accept(answer, [200], what, true), what);
}

/** `etag`: somebody else's change in between is refused. */
async function change(context: DriverContext, { name, etag }: Key, fields: object): Promise<void> {
  const what = "changing a Google API key";
  const path = `/v2/${name}?updateMask=${Object.keys(fields).join(",")}`;
  const answer = await call(context, "PATCH", path, { ...fields, ...(etag ? { etag } : {}) }, true);
  await finished(context, answer, what, true);
}

/** Gone already is success; a deleted key stays in the list for 30 days. */
async function remove(context: DriverContext, { id }: KeyRecord): Promise<void> {
  const what = "deleting a Google API key";
  const key = await keyOf(context, named(id));
  if (key === undefined || stateOf(key) === "gone") return;
  const answer = await call(context, "DELETE", `/v2/${key.name}`, undefined, true);
  gone(answer, [200], what);
  if (answer.status === 200) await finished(context, answer, what, true);
}

/** Waits for a long-running operation, as long as a call may take, and gives its response. */
async function finished(context: DriverContext, answer: HttpAnswer, what: string, safe = false): Promise<unknown> {
  const ends = Date.now() + context.timeout;
  const started = Operation.safeParse(accept(answer, [200], what, safe));
  if (!started.success) throw new UnknownOutcomeError(`${what}: the answer names no operation; look what it did before anything else`);
  let operation = started.data;
  for (let pause = 100; operation.done !== true; pause = Math.min(pause * 2, 2000)) {
    if (Date.now() + pause > ends)
      throw new UnknownOutcomeError(`${what}: Google has not come to an end; look what it did before anything else`);
    await wait(pause);
    if (!/^operations\/[\w.:/-]{1,200}$/.test(operation.name))
      throw new UnknownOutcomeError(`${what}: the answer names no operation of Google's`);
    operation = shaped(Operation, accept(await call(context, "GET", `/v2/${operation.name}`), [200], what, true), what);
  }
  if (operation.error) throw new HoldError("unexpected-answer", `${what}: Google refused it; nothing was changed`);
  return operation.response;
}

async function call(context: DriverContext, method: string, path: string, body?: object, safe = false): Promise<HttpAnswer> {
  const headers = bearer(await googleToken(context));
  const host = googleService(context, "apikeys.googleapis.com");
  return send({ ...context, host }, { method, path, headers, ...(body === undefined ? {} : { body }), safe });
}

function recordOf(key: Key): KeyRecord {
  const { name, displayName, createTime, restrictions = {}, serviceAccountEmail } = key;
  const before = key.annotations?.[mark];
  return {
    id: name,
    ...(displayName ? { name: displayName } : {}),
    ...(createTime ? { createdAt: createTime } : {}),
    state: stateOf(key),
    principal: name.split("/").slice(0, 2).join("/"),
    attributes: attributesOf({ restrictions: before ?? JSON.stringify(restrictions), account: serviceAccountEmail }),
  };
}

function stateOf({ deleteTime, annotations = {} }: Key): KeyRecord["state"] {
  return deleteTime ? "gone" : mark in annotations ? "disabled" : "active";
}

function named(id: string): string {
  const key = Key.shape.name.safeParse(id);
  if (key.success) return key.data;
  throw new HoldError("bad-key-id", "this is no Google API key; match the credential first");
}

/** Where the keys of a project stand; that of the connection's own service account unless told otherwise. */
function parentOf(context: DriverContext, principal: string | undefined): string {
  const project = principal ?? `projects/${googleKeyOf(context.credential).project ?? ""}`;
  if (/^projects\/[\w:.-]{1,100}$/.test(project)) return `/v2/${project}/locations/global`;
  throw new HoldError("scope-unknown", "the project of this Google API key is not known; match it first");
}

const Refusal = z.object({ error: z.object({ details: z.array(z.object({ reason: z.string().optional() })).optional() }) });

/** https://cloud.google.com/apis/design/errors: `reason`. A key that is bound to other APIs is known to Google, so it lives. */
function judge(answer: HttpAnswer): ProbeResult | undefined {
  const body = json(answer);
  if (answer.status === 200 && typeof body === "object" && body !== null) return { answer: "alive", code: "200" };
  const reasons = (Refusal.safeParse(body).data?.error.details ?? []).map(({ reason }) => reason);
  if (answer.status === 400 && reasons.includes("API_KEY_INVALID")) return { answer: "invalid", code: "400 API_KEY_INVALID" };
  const known = reasons.find((reason) => reason === "API_KEY_SERVICE_BLOCKED" || reason === "SERVICE_DISABLED");
  if (answer.status === 403 && known !== undefined) return { answer: "alive", code: `403 ${known}` };
  const bound = reasons.find((reason) => /^API_KEY_[A-Z_]{1,40}_BLOCKED$/.test(reason ?? ""));
  return answer.status === 403 && bound !== undefined ? { answer: "unknown", code: `403 ${bound}` } : undefined;
}
