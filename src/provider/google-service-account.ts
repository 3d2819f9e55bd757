import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from "node:crypto";
import { z } from "zod";
import { type GoogleKey, googleKeyOf, googleLogIn, googleService, googleToken, keyFileOf } from "../connection/google.ts";
import type { Driver, DriverContext, KeyRecord, ProbeResult, Target } from "../driver.ts";
import { HoldError, UnknownOutcomeError } from "../errors.ts";
import { accept, type HttpAnswer, json, shaped } from "../http.ts";
import { Secret } from "../secret.ts";
import { ownName, probeAnswer } from "./answer.ts";
import { selfSigned } from "./self-signed.ts";
import { bearer, discardNamed, gone, manifest, send } from "./vendor.ts";

/**
 * Keys of Google service accounts (https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts.keys). Google can make a key,
 * which has no name and whose private half is in one answer; so we make the pair, stage it, and upload its public half in a certificate
 * named by the run. A leaked key is told from the others by its public half, so that nothing needs to be sent. Access tokens that were made
 * with a key live for up to an hour after it.
 */
export const googleServiceAccount: Driver = {
  manifest: {
    ...manifest({
      type: "google-service-account/key",
      name: "Google service-account key",
      connection: "google",
      detectors: ["google-service-account-key"],
      class: "m-disable",
      verbs: ["list", "issue", "disable", "enable", "revoke", "probe"],
      overlap: 10,
      // "You might need to wait for 60 seconds or more before you use the key"; of an end no bound is documented.
      propagation: { create: 60_000, revoke: 300_000 },
      valueChosenByUs: true,
      probeCall: "POST /token of oauth2.googleapis.com",
      tells: [],
      hosts: ["oauth2.googleapis.com"],
      // the same is said of a disabled key
      proof: "both",
      invalidMeansDead: false,
      pages: { revoke: "https://console.cloud.google.com/iam-admin/serviceaccounts" },
      advice: "Workload identity federation instead of keys: https://cloud.google.com/iam/docs/workload-identity-federation",
      rights: {
        list: ["iam.serviceAccountKeys.list", "iam.serviceAccountKeys.get"],
        issue: ["iam.serviceAccountKeys.create"],
        disable: ["iam.serviceAccountKeys.disable", "iam.serviceAccountKeys.enable"],
        revoke: ["iam.serviceAccountKeys.delete"],
      },
    }),
    verbs: {
      list: { effect: "read", retry: "safe" },
      issue: { effect: "create", retry: "safe" },
      disable: { effect: "mutate", retry: "safe" },
      enable: { effect: "mutate", retry: "safe" },
      revoke: { effect: "destroy", retry: "safe" },
      probe: { effect: "read", retry: "safe" },
    },
  },

  async match(context, { attributes, secret }) {
    const key = secret === undefined ? undefined : keyIn({ attributes, secret });
    if (key === undefined) return { records: [], grade: "weak" };
    const own = publicHalf(key.privateKey);
    if (own === undefined) return { records: [], grade: "weak" };
    const keys = await listed(context, key.email);
    return { records: keys.filter(({ certificate }) => sameKey(certificate, own)).map(({ record }) => record), grade: "confirmed" };
  },

  async list(context, { attributes }) {
    const email = attributes["principal"] ?? attributes["client_email"] ?? googleKeyOf(context.credential).email;
    return (await listed(context, email)).map(({ record }) => record);
  },

  async prepare(_context, { like }) {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const email = like.principal ?? like.attributes["principal"];
    const file = {
      type: "service_account",
      project_id: /@([\w.:-]+)\.iam\.gserviceaccount\.com$/.exec(email ?? "")?.[1] ?? "",
      private_key: privateKey.export({ type: "pkcs8", format: "pem" }),
      client_email: email,
      token_uri: "https://oauth2.googleapis.com/token",
    };
    return { secret: Secret.from(JSON.stringify(file)), companions: {} };
  },

  async issue(context, { name, like, prepared }) {
    if (prepared === undefined)
      throw new HoldError("not-prepared", "a new key of a service account must be staged before it is uploaded; this run has staged none");
    const email = accountOf(like.principal ?? like.attributes["principal"]);
    const file = keyFileOf(prepared.secret.reveal());
    const own = file === undefined ? undefined : publicHalf(file.privateKey);
    if (file === undefined || own === undefined)
      throw new HoldError("not-prepared", "what is staged is no key of a service account; nothing was changed");
    const keys = await listed(context, email);
    const there = keys.find(({ certificate }) => sameKey(certificate, own));
    if (there !== undefined) return { record: there.record, secret: prepared.secret, companions: {} };
    if (keys.length >= 10)
      throw new HoldError(
        "key-limit",
        `the service account '${email}' has ten keys, the most that Google allows; nothing was changed. Delete one that nobody uses, then rotate again`,
      );
    const certificate = selfSigned(createPrivateKey(file.privateKey), ownName(name));
    const body = { publicKeyData: Buffer.from(certificate).toString("base64") };
    const answer = await call(context, "POST", `${pathOf(email)}/keys:upload`, body);
    const made = Key.safeParse(accept(answer, [200], "uploading a key of a service account"));
    if (!made.success) throw new UnknownOutcomeError("Google took a key, and its answer names none; list the keys of the service account");
    return { record: recordOf(made.data, email, new X509Certificate(certificate)), secret: prepared.secret, companions: {} };
  },

  async discard(context, { name, like }) {
    const keys = await listed(context, accountOf(like.principal ?? like.attributes["principal"]));
    const records = keys.map(({ record }) => record);
    return discardNamed(records, name, (record) => remove(context, record));
  },

  disable: (context, record) => setState(context, record, "disable"),
  enable: (context, record) => setState(context, record, "enable"),

  async revoke(context, record) {
    notOurselves(context, record);
    await remove(context, record);
  },

  async probe(context, target) {
    const key = keyIn(target);
    if (key === undefined) return { answer: "unknown", code: "account-unknown" };
    return probeAnswer(() => googleLogIn(context, key), judge);
  },
};

const Key = z.object({
  name: z.string().regex(/^projects\/[^/]{1,100}\/serviceAccounts\/[^/]{3,254}\/keys\/[\w-]{1,100}$/),
  validAfterTime: z.string().nullish(),
  keyOrigin: z.string().nullish(),
  disabled: z.boolean().nullish(),
});
const Keys = z.object({ keys: z.array(Key).optional() });
const PublicKey = z.object({ publicKeyData: z.string().optional() });

interface Listed {
  readonly record: KeyRecord;
  readonly certificate: X509Certificate | undefined;
}

/** Every key that people made (Google's own rotate by themselves); the answer has no pages. */
async function listed(context: DriverContext, email: string): Promise<Listed[]> {
  const what = "listing the keys of a Google service account";
  const answer = await call(context, "GET", `${pathOf(email)}/keys?keyTypes=USER_MANAGED`);
  if (answer.status === 404) return []; // the account is gone, and its keys with it
  const { keys = [] } = shaped(Keys, accept(answer, [200], what, true), what);
  const all: Listed[] = [];
  for (const key of keys) {
    const answer = await call(context, "GET", `/v1/${key.name}?publicKeyType=TYPE_X509_PEM_FILE`);
    if (answer.status === 404) continue; // ended between the two
    const { publicKeyData } = shaped(PublicKey, accept(answer, [200], what, true), what);
    const certificate = certificateOf(publicKeyData);
    all.push({ record: recordOf(key, email, certificate), certificate });
  }
  return all;
}

function recordOf({ name, validAfterTime, disabled }: z.output<typeof Key>, email: string, certificate?: X509Certificate): KeyRecord {
  const run = /^CN=(rekey-[\w.-]{1,80})$/.exec(certificate?.subject ?? "")?.[1];
  return {
    id: name.split("/").at(-1) ?? name,
    ...(run === undefined ? {} : { name: run }),
    ...(validAfterTime ? { createdAt: validAfterTime } : {}),
    state: disabled === true ? "disabled" : "active",
    principal: email,
    attributes: { principal: email },
  };
}

function certificateOf(data: string | undefined): X509Certificate | undefined {
  try {
    return new X509Certificate(Buffer.from(data ?? "", "base64"));
  } catch {
    return undefined;
  }
}

function sameKey(certificate: X509Certificate | undefined, own: KeyObject): boolean {
  return certificate?.publicKey.equals(own) === true;
}

function publicHalf(pem: string): KeyObject | undefined {
  try {
    return createPublicKey(createPrivateKey(pem));
  } catch {
    return undefined;
  }
}

/** A whole key file, or the private key that a finding gives with the account beside it. */
function keyIn({ attributes, secret }: Target & { secret: Secret }): GoogleKey | undefined {
  const text = secret.reveal();
  const file = keyFileOf(text);
  if (file !== undefined) return file;
  const { client_email: email, private_key_id: keyId } = attributes;
  return email === undefined ? undefined : { email, keyId, privateKey: text.replaceAll(/\\+n/g, "\n") };
}

async function setState(context: DriverContext, record: KeyRecord, to: "disable" | "enable"): Promise<void> {
  if (to === "disable") notOurselves(context, record);
  const answer = await call(context, "POST", `${keyPath(record)}:${to}`, {}, true);
  if (to === "enable" && answer.status === 404)
    throw new HoldError("old-gone", "this key of a service account is deleted; it cannot be brought back");
  gone(answer, [200], "changing a key of a Google service account");
}

/** Gone already is success. */
async function remove(context: DriverContext, record: KeyRecord): Promise<void> {
  gone(await call(context, "DELETE", keyPath(record), undefined, true), [200], "deleting a key of a Google service account");
}

function notOurselves({ credential }: DriverContext, { id }: KeyRecord): void {
  if (googleKeyOf(credential).keyId === id)
    throw new HoldError("own-credential", "this is the key that Rekey itself works with; give this connection another one first");
}

async function call(context: DriverContext, method: string, path: string, body?: object, safe = false): Promise<HttpAnswer> {
  const headers = bearer(await googleToken(context));
  const host = googleService(context, "iam.googleapis.com");
  return send({ ...context, host }, { method, path, headers, ...(body === undefined ? {} : { body }), safe });
}

function pathOf(email: string): string {
  return `/v1/projects/-/serviceAccounts/${accountOf(email)}`;
}

function keyPath({ id, principal, attributes }: KeyRecord): string {
  if (!/^[\w-]{1,100}$/.test(id)) throw new HoldError("bad-key-id", "this is no key of a service account; match the credential first");
  return `${pathOf(accountOf(principal ?? attributes["principal"] ?? attributes["client_email"]))}/keys/${id}`;
}

function accountOf(email: string | undefined): string {
  if (email !== undefined && /^[\w.-]{1,100}@[\w.-]{1,150}$/.test(email)) return email;
  throw new HoldError("scope-unknown", "the service account of this key is not known; match the credential first");
}

const Refusal = z.object({ error: z.literal("invalid_grant"), error_description: z.string() });

/** `Invalid JWT Signature` of a deleted or disabled key, an account that is not found; anything else (a clock) proves nothing. */
function judge(answer: HttpAnswer): ProbeResult | undefined {
  const body = json(answer);
  if (answer.status === 200 && z.object({ access_token: z.string().min(1) }).safeParse(body).success)
    return { answer: "alive", code: "200" };
  const said = Refusal.safeParse(body).data?.error_description ?? "";
  if (answer.status !== 400) return undefined;
  if (/^Invalid JWT Signature/.test(said)) return { answer: "invalid", code: "400 Invalid JWT Signature" };
  return /account not found/i.test(said) ? { answer: "invalid", code: "400 account not found" } : undefined;
}
