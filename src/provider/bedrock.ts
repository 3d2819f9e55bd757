import {
  CreateServiceSpecificCredentialCommand,
  DeleteServiceSpecificCredentialCommand,
  type IAMClient,
  ListServiceSpecificCredentialsCommand,
  type ServiceSpecificCredentialMetadata,
  UpdateServiceSpecificCredentialCommand,
} from "@aws-sdk/client-iam";
import { z } from "zod";
import { awsErrorName, awsFailure, awsKeyOf, connectIam } from "../connection/aws.ts";
import type { Driver, DriverContext, KeyRecord, ProbeResult } from "../driver.ts";
import { HoldError, RetryError, UnknownOutcomeError } from "../errors.ts";
import { type HttpAnswer, json } from "../http.ts";
import { Secret } from "../secret.ts";
import { ownName, probeAnswer } from "./answer.ts";
import { type NotedKey, notesOf, ownerRun, removeNote, writeNote } from "./aws-run-note.ts";
import { attributesOf, bearer, manifest, send } from "./vendor.ts";

/**
 * Long-term API keys of Amazon Bedrock: service-specific credentials of an IAM user, at most two
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_bedrock.html). A key holds its own public alias, by which it is found.
 * They carry no name, so a run notes on the user which are there before it makes one. Short-term keys end by themselves within twelve hours.
 */
export const bedrock: Driver = {
  manifest: manifest({
    type: "bedrock/api-key",
    name: "Amazon Bedrock API key",
    connection: "aws",
    detectors: ["aws-bedrock-api-key"],
    class: "m-disable",
    verbs: ["list", "issue", "disable", "enable", "revoke", "probe"],
    overlap: 2,
    // IAM is eventually consistent, usually within seconds; no bound is documented.
    propagation: { create: 10_000, revoke: 30_000 },
    probeCall: "GET /foundation-models of bedrock.REGION.amazonaws.com",
    tells: [],
    hosts: ["bedrock.us-east-1.amazonaws.com"],
    // the same is said of a deactivated key, and of one in a wrong region
    proof: "both",
    invalidMeansDead: false,
    pages: { revoke: "https://console.aws.amazon.com/bedrock/home#/api-keys" },
    advice: "Short-term keys, or IAM roles without any: https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html",
    rights: {
      list: ["iam:ListServiceSpecificCredentials", "iam:ListUserTags"],
      issue: ["iam:CreateServiceSpecificCredential", "iam:TagUser", "iam:UntagUser"],
      disable: ["iam:UpdateServiceSpecificCredential"],
      revoke: ["iam:DeleteServiceSpecificCredential"],
    },
  }),

  async match(context, { secret }) {
    const alias = secret === undefined ? undefined : aliasOf(secret);
    if (secret === undefined || alias === undefined) return { records: [], grade: "weak" };
    const records = (await listed(context, undefined)).filter(({ hint }) => hint === alias);
    if (records.length === 0) return { records, grade: "weak" };
    // anybody can write an alias around junk: the pair counts once AWS accepted it
    const { answer, code } = await bedrock.probe(context, { attributes: {}, secret });
    if (answer === "unknown") throw new RetryError(`Amazon Bedrock gave no clear answer (${code})`);
    return answer === "alive" ? { records, grade: "confirmed" } : { records: [], grade: "weak" };
  },

  list: (context, { attributes }) => listed(context, attributes["principal"]),

  async issue(context, { name, like }) {
    const user = userIn(like);
    const before = await listed(context, user);
    if (before.length >= 2)
      throw new HoldError(
        "key-limit",
        `the IAM user '${user}' has two Bedrock API keys, the most that AWS allows, so there is no room for a new one. Nothing was changed; delete the one that nobody uses, then rotate again`,
      );
    const client = iam(context);
    await writeNote(client, { user, prefix, run: ownName(name), before: before.map(({ id }) => id) });
    const days = daysLeft(like.attributes["ends"]);
    const { ServiceSpecificCredential: made } = await client
      .send(
        new CreateServiceSpecificCredentialCommand({
          UserName: user,
          ServiceName: service,
          ...(days === undefined ? {} : { CredentialAgeDays: days }),
        }),
      )
      .catch((error: unknown) => {
        if (awsErrorName(error) === "LimitExceededException")
          throw new HoldError(
            "key-limit",
            `the IAM user '${user}' has two Bedrock API keys, the most that AWS allows; nothing was changed`,
          );
        throw awsFailure(error, "making a Bedrock API key", { safe: false });
      });
    if (made?.ServiceSpecificCredentialId === undefined || made.ServiceCredentialSecret === undefined)
      throw new UnknownOutcomeError("AWS made a Bedrock API key, but its answer has none in it; discard it by its run");
    return { record: { ...recordOf(made), name }, secret: Secret.from(made.ServiceCredentialSecret), companions: {} };
  },

  async discard(context, { name, like }) {
    const user = userIn(like);
    const run = ownName(name);
    const ours = (await listed(context, user)).filter((record) => record.name === run);
    for (const record of ours) await remove(context, record);
    await removeNote(iam(context), { user, prefix, run });
    return ours.length;
  },

  disable: (context, record) => setStatus(context, record, "Inactive"),
  enable: (context, record) => setStatus(context, record, "Active"),
  revoke: (context, record) => remove(context, record),

  probe: (context, { secret }) =>
    probeAnswer(() => {
      const host = /^https?:/.test(context.host) ? context.host : `https://bedrock.${context.host}.amazonaws.com`;
      return send({ ...context, host }, { method: "GET", path: "/foundation-models", headers: bearer(secret) });
    }, judge),
};

const service = "bedrock.amazonaws.com";
/** Apart from the notes about access keys of the same user. */
const prefix = "bedrock:";

function iam({ host, credential, timeout, signal }: DriverContext): IAMClient {
  return connectIam({ host, key: awsKeyOf(credential), timeout, signal });
}

/** `ABSK`, then `<alias>:<secret>` in base64. */
function aliasOf(secret: Secret): string | undefined {
  const text = Buffer.from(secret.reveal().replace(/^ABSK/, ""), "base64").toString("latin1");
  return /^([\w+=,.@-]{1,200}):/.exec(text)?.[1];
}

/** The keys of one user, or of all: every page. */
async function listed(context: DriverContext, user: string | undefined): Promise<KeyRecord[]> {
  const what = "listing Bedrock API keys";
  const all: ServiceSpecificCredentialMetadata[] = [];
  let marker: string | undefined;
  do {
    const page = await iam(context)
      .send(
        new ListServiceSpecificCredentialsCommand({
          ServiceName: service,
          ...(user === undefined ? { AllUsers: true } : { UserName: user }),
          ...(marker === undefined ? {} : { Marker: marker }),
        }),
      )
      .catch((error: unknown) => {
        if (awsErrorName(error) === "NoSuchEntityException") return undefined;
        throw awsFailure(error, what, { safe: true });
      });
    all.push(...(page?.ServiceSpecificCredentials ?? []));
    marker = page?.IsTruncated === true ? page.Marker : undefined;
  } while (marker !== undefined);
  const records = all.map(recordOf);
  if (user === undefined || records.length === 0) return records;
  const notes = await notesOf(iam(context), { user, prefix });
  const keys = records.map(({ id, createdAt }): NotedKey => ({ id, createdAt }));
  return records.map((record, index) => {
    const name = keys[index] === undefined ? undefined : ownerRun(keys[index], keys, notes);
    return name === undefined ? record : { ...record, name };
  });
}

function recordOf(credential: ServiceSpecificCredentialMetadata): KeyRecord {
  const {
    ServiceSpecificCredentialId: id = "",
    Status,
    UserName: user,
    ServiceCredentialAlias: alias,
    CreateDate,
    ExpirationDate,
  } = credential;
  const state = { Active: "active", Inactive: "disabled", Expired: "gone" } as const;
  return {
    id,
    state: state[Status ?? "Active"],
    ...(alias === undefined ? {} : { hint: alias }),
    ...(CreateDate === undefined ? {} : { createdAt: CreateDate.toISOString() }),
    ...(user === undefined ? {} : { principal: user }),
    attributes: attributesOf({ principal: user, ends: ExpirationDate?.toISOString() }),
  };
}

/** A successor ends when the leaked key would have; whole days, at least one. */
function daysLeft(ends: string | undefined): number | undefined {
  return ends === undefined ? undefined : Math.max(1, Math.ceil((Date.parse(ends) - Date.now()) / 86_400_000));
}

async function setStatus(context: DriverContext, record: KeyRecord, Status: "Active" | "Inactive"): Promise<void> {
  const target = { UserName: userIn(record), ServiceSpecificCredentialId: idIn(record), Status };
  try {
    await iam(context).send(new UpdateServiceSpecificCredentialCommand(target));
  } catch (error) {
    if (awsErrorName(error) === "NoSuchEntityException" && Status === "Inactive") return;
    throw awsFailure(error, "changing the status of a Bedrock API key", { safe: true });
  }
}

/** Gone already is success. */
async function remove(context: DriverContext, record: KeyRecord): Promise<void> {
  const target = { UserName: userIn(record), ServiceSpecificCredentialId: idIn(record) };
  try {
    await iam(context).send(new DeleteServiceSpecificCredentialCommand(target));
  } catch (error) {
    if (awsErrorName(error) !== "NoSuchEntityException") throw awsFailure(error, "deleting a Bedrock API key", { safe: true });
  }
}

function userIn({ attributes, principal }: KeyRecord): string {
  const user = principal ?? attributes["principal"];
  if (user === undefined) throw new HoldError("scope-unknown", "the IAM user of this Bedrock API key is not known; match it first");
  return user;
}

function idIn({ id }: KeyRecord): string {
  if (/^\w{16,128}$/.test(id)) return id;
  throw new HoldError("bad-key-id", "this is no Bedrock API key; match the credential first");
}

/** What Bedrock says of a key that it does not take, and of a live one whose user may not list models. */
function judge(answer: HttpAnswer): ProbeResult | undefined {
  const body = json(answer);
  if (answer.status === 200 && z.object({ modelSummaries: z.array(z.unknown()) }).safeParse(body).success)
    return { answer: "alive", code: "200" };
  const refusal = z
    .object({ Message: z.string() })
    .or(z.object({ message: z.string() }))
    .safeParse(body).data;
  const said = refusal === undefined ? "" : "Message" in refusal ? refusal.Message : refusal.message;
  if (answer.status !== 403) return undefined;
  if (/^Authentication failed: /.test(said)) return { answer: "invalid", code: "403 Authentication failed" };
  return /^User: arn:aws[\w-]*:iam::\d+:user\/\S+ is not authorized to perform: bedrock:/.test(said)
    ? { answer: "alive", code: "403 not authorized" }
    : undefined;
}
