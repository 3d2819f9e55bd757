import {
  type AccessKeyMetadata,
  CreateAccessKeyCommand,
  DeleteAccessKeyCommand,
  GetAccessKeyLastUsedCommand,
  type IAMClient,
  ListAccessKeysCommand,
  ListUsersCommand,
  UpdateAccessKeyCommand,
} from "@aws-sdk/client-iam";
import { GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import { awsErrorName, awsFailure, awsKeyOf, connectIam, connectSts } from "../connection/aws.ts";
import type { Driver, DriverContext, KeyRecord, Target } from "../driver.ts";
import { HoldError, RetryError, UnknownOutcomeError } from "../errors.ts";
import { Secret } from "../secret.ts";
import { ownName } from "./answer.ts";
import { type NotedKey, notesOf, ownerRun, removeNote, writeNote } from "./aws-run-note.ts";
import { attributesOf } from "./vendor.ts";

/**
 * Access keys of IAM users, by their id. A user has at most two, and they carry no name: before a run makes one it notes in a tag
 * of the user which keys are there already, so that what a lost answer leaves behind can be told from everybody else's.
 * https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateAccessKey.html
 */
export const awsIam: Driver = {
  manifest: {
    type: "aws-iam/access-key",
    name: "AWS access key",
    connection: "aws",
    detectors: ["aws-access-key", "aws-access-key-csv"],
    class: "m-disable",
    verbs: {
      list: { effect: "read", retry: "safe" },
      issue: { effect: "create", retry: "verify-first" },
      disable: { effect: "mutate", retry: "safe" },
      enable: { effect: "mutate", retry: "safe" },
      revoke: { effect: "destroy", retry: "safe" },
      probe: { effect: "read", retry: "safe" },
      whoami: { effect: "read", retry: "safe" },
      usage: { effect: "read", retry: "safe" },
    },
    reversible: { disable: true, revoke: false },
    overlap: 2,
    // IAM is eventually consistent, usually within seconds; no bound is documented.
    propagation: { create: 10_000, revoke: 30_000 },
    valueChosenByUs: false,
    companions: ["access_key_id"],
    killByPossession: false,
    probeCall: "POST /?Action=GetCallerIdentity",
    tells: ["user", "account_id"],
    hosts: ["sts.amazonaws.com"],
    // STS says InvalidClientTokenId of a deleted and of a deactivated key
    proof: "both",
    invalidMeansDead: false,
    pages: { revoke: "https://console.aws.amazon.com/iam/home#/users" },
    rights: {
      list: ["iam:GetAccessKeyLastUsed", "iam:ListAccessKeys", "iam:ListUsers", "iam:ListUserTags"],
      issue: ["iam:CreateAccessKey", "iam:TagUser", "iam:UntagUser"],
      disable: ["iam:UpdateAccessKey"],
      revoke: ["iam:DeleteAccessKey"],
    },
    testedAgainst: "contract stand-in",
  },

  async match(context, { attributes, secret }) {
    const { id } = attributes;
    // ASIA: a session's key, which ends by itself and has no record
    if (secret === undefined || id === undefined || !/^AKIA[A-Z0-9]{12,28}$/.test(id)) return { records: [], grade: "weak" };
    const user = await userOf(context, id);
    const record = user === undefined ? undefined : (await keysOf(context, user)).find((key) => key.id === id);
    if (record === undefined) return { records: [], grade: "confirmed" };
    // anybody can write a production key's id beside junk: the pair counts once AWS accepted it
    const { answer, code } = await awsIam.probe(context, { attributes, secret });
    if (answer === "unknown" && code !== "SignatureDoesNotMatch") throw new RetryError(`AWS STS gave no clear answer (${code})`);
    return answer === "alive" ? { records: [record], grade: "confirmed" } : { records: [], grade: "weak" };
  },

  async list(context, { attributes }) {
    const user =
      attributes["principal"] ??
      attributes["user"] ??
      (attributes["id"] === undefined ? undefined : await userOf(context, attributes["id"]));
    if (user !== undefined) return keysOf(context, user);
    const records: KeyRecord[] = [];
    for (const name of await allUsers(context)) records.push(...(await keysOf(context, name)));
    return records;
  },

  async issue(context, { name, like }) {
    const user = userIn(like);
    const before = await rawKeys(context, user);
    if (before.length >= 2) {
      throw new HoldError(
        "key-limit",
        `the IAM user '${user}' has two access keys (${before.map(({ id }) => id).join(", ")}), the most that AWS allows, so there is no room for a new one. Nothing was changed; delete the one that nobody uses, then rotate again`,
      );
    }
    const client = iam(context);
    const ids = before.map(({ id }) => id);
    await writeNote(client, { user, prefix: "", run: ownName(name), before: ids });
    const what = "making an AWS access key";
    const { AccessKey: made } = await client.send(new CreateAccessKeyCommand({ UserName: user })).catch((error: unknown) => {
      if (awsErrorName(error) === "LimitExceededException")
        throw new HoldError("key-limit", `the IAM user '${user}' has two access keys, the most that AWS allows; nothing was changed`);
      throw awsFailure(error, what, { safe: false });
    });
    if (made?.AccessKeyId === undefined || made.SecretAccessKey === undefined)
      throw new UnknownOutcomeError("AWS made an access key, but its answer has none in it; discard it by its run");
    return {
      record: { id: made.AccessKeyId, name, state: "active", principal: user, attributes: { user, id: made.AccessKeyId } },
      secret: Secret.from(made.SecretAccessKey),
      companions: { access_key_id: made.AccessKeyId },
    };
  },

  async discard(context, { name, like, companions }) {
    const user = userIn(like);
    const known = companions?.["access_key_id"];
    const run = ownName(name);
    const ours = (await keysOf(context, user)).filter((key) => (known === undefined ? key.name === run : key.id === known));
    for (const { id } of ours) {
      // the value that a lost answer leaves behind is nobody's
      if (known === undefined && !(await neverUsed(context, id)))
        throw new HoldError(
          "orphan-unclear",
          `${id} came into being while this run was making a key, and somebody uses it: it is left alone. Look whose it is in IAM`,
        );
      await remove(context, user, id);
    }
    await removeNote(iam(context), { user, prefix: "", run: name });
    return ours.length;
  },

  disable: (context, record) => setStatus(context, record, "Inactive"),
  enable: (context, record) => setStatus(context, record, "Active"),

  async revoke(context, record) {
    notOurselves(context, record.id);
    // gone already, and its user with it
    const user = record.attributes["user"] ?? record.attributes["principal"] ?? (await userOf(context, record.id));
    if (user !== undefined) await remove(context, user, record.id);
  },

  async probe(context, target) {
    try {
      const { Arn: user, Account: account_id } = await callerOf(context, target);
      return { answer: "alive", code: "200", tells: attributesOf({ user, account_id }) };
    } catch (error) {
      const name = awsErrorName(error);
      if (name === "InvalidClientTokenId") return { answer: "invalid", code: `403 ${name}` };
      // SignatureDoesNotMatch: never this id's secret, or a clock that is wrong
      if (name !== undefined) return { answer: "unknown", code: /^[A-Za-z]{1,60}$/.test(name) ? name : "refused" };
      if (error instanceof HoldError) return { answer: "unknown", code: error.code };
      return { answer: "unknown", code: "no answer" };
    }
  },

  async whoami(context, target) {
    const { Arn, Account } = await callerOf(context, target).catch((error: unknown) => {
      throw awsFailure(error, "asking AWS whose key this is", { safe: true });
    });
    return { arn: Arn ?? "", account: Account ?? "" };
  },

  /** Only the last use, so that the absence of another says nothing. */
  async usage(context, { id }, { from }) {
    const { AccessKeyLastUsed: last } = await iam(context)
      .send(new GetAccessKeyLastUsedCommand({ AccessKeyId: id }))
      .catch((error: unknown) => {
        throw awsFailure(error, "asking AWS for the last use of a key", { safe: true });
      });
    const at = last?.LastUsedDate?.toISOString();
    if (at === undefined || at < from) return { seen: [], complete: false };
    return { seen: [{ by: `${last?.ServiceName ?? "a service"} in ${last?.Region ?? "a region"}`, at }], complete: false };
  },
};

function iam({ host, credential, timeout, signal }: DriverContext): IAMClient {
  return connectIam({ host, key: awsKeyOf(credential), timeout, signal });
}

async function callerOf({ host, timeout, signal, publicOnly }: DriverContext, { attributes, secret }: Target & { secret: Secret }) {
  const id = attributes["access_key_id"] ?? attributes["id"] ?? "";
  return connectSts({ host, key: { id, secret: secret.reveal() }, timeout, signal, publicOnly }).send(new GetCallerIdentityCommand({}));
}

/** The IAM user of a key of this account; undefined where AWS knows none. */
async function userOf(context: DriverContext, id: string): Promise<string | undefined> {
  try {
    return (await iam(context).send(new GetAccessKeyLastUsedCommand({ AccessKeyId: id }))).UserName;
  } catch (error) {
    if (awsErrorName(error) === "NoSuchEntityException") return undefined;
    throw awsFailure(error, "asking AWS whose key this is", { safe: true });
  }
}

async function allUsers(context: DriverContext): Promise<string[]> {
  const users: string[] = [];
  let marker: string | undefined;
  do {
    const page = await iam(context)
      .send(new ListUsersCommand(marker === undefined ? {} : { Marker: marker }))
      .catch((error: unknown) => {
        throw awsFailure(error, "listing IAM users", { safe: true });
      });
    users.push(...(page.Users ?? []).flatMap(({ UserName }) => (UserName === undefined ? [] : [UserName])));
    marker = page.IsTruncated === true ? page.Marker : undefined;
  } while (marker !== undefined);
  return users;
}

interface Key extends NotedKey {
  readonly active: boolean;
}

async function rawKeys(context: DriverContext, user: string): Promise<Key[]> {
  const keys: AccessKeyMetadata[] = [];
  let marker: string | undefined;
  do {
    const page = await iam(context)
      .send(new ListAccessKeysCommand({ UserName: user, ...(marker === undefined ? {} : { Marker: marker }) }))
      .catch((error: unknown) => {
        if (awsErrorName(error) === "NoSuchEntityException") return undefined;
        throw awsFailure(error, "listing the access keys of an IAM user", { safe: true });
      });
    keys.push(...(page?.AccessKeyMetadata ?? []));
    marker = page?.IsTruncated === true ? page.Marker : undefined;
  } while (marker !== undefined);
  return keys.flatMap(({ AccessKeyId, Status, CreateDate }) =>
    AccessKeyId === undefined ? [] : [{ id: AccessKeyId, active: Status === "Active", createdAt: CreateDate?.toISOString() }],
  );
}

/** The keys of one user, the one that a run of ours made with its run's name. */
async function keysOf(context: DriverContext, user: string): Promise<KeyRecord[]> {
  const keys = await rawKeys(context, user);
  const notes = keys.length === 0 ? [] : await notesOf(iam(context), { user, prefix: "" });
  return keys.map((key) => {
    const { id, active, createdAt } = key;
    const name = ownerRun(key, keys, notes);
    return {
      id,
      state: active ? "active" : "disabled",
      principal: user,
      attributes: { user, id },
      ...(name === undefined ? {} : { name }),
      ...(createdAt === undefined ? {} : { createdAt }),
    };
  });
}

async function neverUsed(context: DriverContext, id: string): Promise<boolean> {
  const { AccessKeyLastUsed } = await iam(context)
    .send(new GetAccessKeyLastUsedCommand({ AccessKeyId: id }))
    .catch((error: unknown) => {
      throw awsFailure(error, "asking AWS for the last use of a key", { safe: true });
    });
  return AccessKeyLastUsed?.LastUsedDate === undefined;
}

async function setStatus(context: DriverContext, record: KeyRecord, Status: "Active" | "Inactive"): Promise<void> {
  notOurselves(context, record.id);
  try {
    await iam(context).send(new UpdateAccessKeyCommand({ UserName: userIn(record), AccessKeyId: record.id, Status }));
  } catch (error) {
    if (awsErrorName(error) === "NoSuchEntityException" && Status === "Inactive") return;
    throw awsFailure(error, "changing the status of an AWS access key", { safe: true });
  }
}

/** Gone already is success. */
async function remove(context: DriverContext, user: string, id: string): Promise<void> {
  try {
    await iam(context).send(new DeleteAccessKeyCommand({ UserName: user, AccessKeyId: id }));
  } catch (error) {
    if (awsErrorName(error) !== "NoSuchEntityException") throw awsFailure(error, "deleting an AWS access key", { safe: true });
  }
}

function userIn({ attributes, principal }: KeyRecord): string {
  const user = attributes["user"] ?? attributes["principal"] ?? principal;
  if (user === undefined) throw new HoldError("scope-unknown", "the IAM user of this access key is not known; match it first");
  return user;
}

function notOurselves({ credential }: DriverContext, id: string): void {
  if (awsKeyOf(credential).id === id)
    throw new HoldError("own-credential", `${id} is the access key that Rekey itself works with; give this connection another one first`);
}
