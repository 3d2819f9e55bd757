import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  type GetSecretValueCommandInput,
  ListSecretsCommand,
  PutSecretValueCommand,
  type SecretListEntry,
  type SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from "@aws-sdk/client-secrets-manager";
import { awsErrorName, awsFailure, awsKeyOf, connectSecretsManager } from "../connection/aws.ts";
import type { DriverContext, Sink, SinkPlace } from "../driver.ts";
import { HoldError } from "../errors.ts";
import type { Secret } from "../secret.ts";
import { awsQuarantine, awsQuarantinePrefix } from "./aws-quarantine.ts";
import { inspectAwsSecret, rotationUnderWay } from "./aws-secret-state.ts";
import { revealed, secretsOf } from "./fields.ts";
import { uuid5 } from "./uuid5.ts";

/**
 * AWS Secrets Manager. A pending version carries the stage REKEYPENDING (never AWSPENDING: a stray one blocks RotateSecret) and
 * `REKEYBASE:<version>`, the version that it was merged from; promoting moves AWSCURRENT onto it (rotation.md 9.2). Every read
 * names a stage or a version: without one moto answers with the first value ever (rotation.md 12.3).
 */
export const awsSecretsManager: Sink = {
  manifest: {
    name: "aws-secrets-manager",
    connection: "aws",
    pending: true,
    cas: true,
    readBack: true,
    undo: true,
    inventoryRights: ["secretsmanager:ListSecrets *", "secretsmanager:GetSecretValue arn:aws:secretsmanager:*:*:secret:*"],
    rights: [
      "secretsmanager:DescribeSecret arn:aws:secretsmanager:*:*:secret:*",
      "secretsmanager:GetSecretValue arn:aws:secretsmanager:*:*:secret:*",
      "secretsmanager:GetResourcePolicy arn:aws:secretsmanager:*:*:secret:*",
      "secretsmanager:PutSecretValue arn:aws:secretsmanager:*:*:secret:*",
      "secretsmanager:UpdateSecretVersionStage arn:aws:secretsmanager:*:*:secret:*",
      "secretsmanager:ListSecrets *",
      "secretsmanager:CreateSecret arn:aws:secretsmanager:*:*:secret:rekey-*",
      "secretsmanager:TagResource arn:aws:secretsmanager:*:*:secret:rekey-*",
      "secretsmanager:DeleteSecret arn:aws:secretsmanager:*:*:secret:rekey-*",
    ],
    testedAgainst: "contract stand-in",
  },

  inspect: inspectAwsSecret,

  async read(context, place, version) {
    const value = await get(connect(context), place, version === undefined ? { VersionStage: current } : { VersionId: version });
    return value === undefined ? undefined : { version: value.version, fields: secretsOf(value.data) };
  },

  async pend(context, place, run, fields) {
    const client = connect(context);
    const stages = await describe(client, place);
    refuseWhileRotating(place, stages);
    const present = holder(stages, pendingStage);
    if (present !== undefined) return samePending(client, place, run, present, fields);

    const base = await get(client, place, { VersionStage: current });
    const token = await unusedToken(client, place, run);
    try {
      await client.send(
        new PutSecretValueCommand({
          SecretId: place.path,
          ClientRequestToken: token,
          SecretString: textOf({ ...(base?.data ?? {}), ...revealed(fields) }),
          VersionStages: [pendingStage, `${baseStage}${base?.version ?? "none"}`],
        }),
      );
    } catch (error) {
      throw awsFailure(error, "writing the pending version", { safe: false });
    }
    return { version: token };
  },

  async readPending(context, place, run) {
    const client = connect(context);
    const pending = holder(await describe(client, place), pendingStage);
    if (pending === undefined || !tokens(place, run).includes(pending)) return undefined;
    const value = await get(client, place, { VersionId: pending });
    return value === undefined ? undefined : secretsOf(value.data);
  },

  async promote(context, place, run, from) {
    const client = connect(context);
    const stages = await describe(client, place);
    refuseWhileRotating(place, stages);
    const pending = holder(stages, pendingStage);
    const now = holder(stages, current);
    if (now !== undefined && tokens(place, run).includes(now) && (pending === undefined || pending === now)) return { version: now };
    if (pending === undefined || !tokens(place, run).includes(pending)) {
      throw new HoldError(
        "sink-pending-missing",
        `${place.path}: the pending version of run ${run} is gone, so there is nothing to promote`,
      );
    }
    const base = stages
      .get(pending)
      ?.find((stage) => stage.startsWith(baseStage))
      ?.slice(baseStage.length);
    if (now !== from || base !== from) throw conflict(place, from, now === from ? `a pending version made from ${base}` : now);
    return moveCurrent(client, place, { from, to: pending });
  },

  async restore(context, place, _run, { from, to }) {
    const client = connect(context);
    const now = holder(await describe(client, place), current);
    if (now === to) return { version: to };
    if (now !== from) throw conflict(place, from, now);
    return moveCurrent(client, place, { from, to });
  },

  async drop(context, place, run) {
    const client = connect(context);
    for (const [version, stages] of await describe(client, place)) {
      if (!tokens(place, run).includes(version)) continue;
      for (const stage of stages.filter((name) => name === pendingStage || name.startsWith(baseStage))) {
        try {
          await client.send(
            new UpdateSecretVersionStageCommand({ SecretId: place.path, VersionStage: stage, RemoveFromVersionId: version }),
          );
        } catch (error) {
          throw awsFailure(error, "removing the pending stage", { safe: false });
        }
      }
    }
  },

  scratch: {
    async create(context, path) {
      try {
        await connect(context).send(
          new CreateSecretCommand({ Name: path, SecretString: "{}", Description: "A rehearsal of Rekey; it removes this again" }),
        );
      } catch (error) {
        if (awsErrorName(error) !== "ResourceExistsException") throw awsFailure(error, "making a rehearsal's secret", { safe: false });
      }
    },
    async remove(context, path) {
      try {
        await connect(context).send(new DeleteSecretCommand({ SecretId: path, ForceDeleteWithoutRecovery: true }));
      } catch (error) {
        if (awsErrorName(error) !== "ResourceNotFoundException") throw awsFailure(error, "removing a rehearsal's secret", { safe: true });
      }
    },
  },

  quarantine: awsQuarantine,

  async *entries(context, skip = () => false) {
    const client = connect(context);
    for await (const entry of listed(client)) {
      const path = entry.Name ?? "";
      if (path.startsWith(awsQuarantinePrefix) || skip(path)) continue;
      const value = await getReadable(client, path);
      if (value === undefined) continue;
      const tags = Object.fromEntries((entry.Tags ?? []).flatMap(({ Key, Value }) => (Key === undefined ? [] : [[Key, Value ?? ""]])));
      for (const [field, secret] of Object.entries(secretsOf(value.data))) {
        try {
          yield { path, ...(field === whole ? {} : { field }), version: value.version, secret, tags };
        } finally {
          secret.wipe();
        }
      }
    }
  },
};

const current = "AWSCURRENT";
const pendingStage = "REKEYPENDING";
const baseStage = "REKEYBASE:";
/** The name under which `fields` holds a secret that is no JSON object: the whole text. */
const whole = "";
const namespace = "8c0f2d5e-7b61-4a53-9d0e-3f1a6c2b9e47";

type Data = Readonly<Record<string, unknown>>;

function connect(context: DriverContext): SecretsManagerClient {
  return connectSecretsManager({
    host: context.host,
    key: awsKeyOf(context.credential),
    timeout: context.timeout,
    signal: context.signal,
  });
}

/** The version ids that a run may have written to a place. A dropped version keeps its id for a day or more, so the next try takes the next. */
function tokens(place: SinkPlace, run: string): string[] {
  return Array.from({ length: 10 }, (_, attempt) => uuid5(`${run}/${place.path}#${place.field ?? ""}/${attempt}`, namespace));
}

async function unusedToken(client: SecretsManagerClient, place: SinkPlace, run: string): Promise<string> {
  for (const token of tokens(place, run)) {
    if ((await get(client, place, { VersionId: token })) === undefined) return token;
  }
  throw new HoldError("sink-attempts", `${place.path}: run ${run} wrote and dropped ten pending versions; start a new run`);
}

async function samePending(
  client: SecretsManagerClient,
  place: SinkPlace,
  run: string,
  version: string,
  fields: Readonly<Record<string, Secret>>,
): Promise<{ version: string }> {
  if (!tokens(place, run).includes(version)) {
    throw new HoldError("sink-conflict", `${place.path}: another run's pending version is there; end that run first`);
  }
  const value = await get(client, place, { VersionId: version });
  const wanted = revealed(fields);
  if (value !== undefined && Object.entries(wanted).every(([name, text]) => value.data[name] === text)) return { version };
  throw new HoldError(
    "sink-conflict",
    `${place.path}: the pending version of this run holds other values; drop it first if they are of no use`,
  );
}

async function moveCurrent(
  client: SecretsManagerClient,
  place: SinkPlace,
  { from, to }: { from: string; to: string },
): Promise<{ version: string }> {
  try {
    await client.send(
      new UpdateSecretVersionStageCommand({
        SecretId: place.path,
        VersionStage: current,
        MoveToVersionId: to,
        RemoveFromVersionId: from,
      }),
    );
  } catch (error) {
    const name = awsErrorName(error);
    if (name === "ResourceNotFoundException") {
      throw new HoldError("sink-version-gone", `${place.path}: version ${to} is no longer there, so it cannot be made current`);
    }
    if (name === "InvalidParameterException" || name === "InvalidRequestException") throw conflict(place, from, "another version");
    throw awsFailure(error, "moving AWSCURRENT", { safe: false });
  }
  const now = holder(await describe(client, place), current);
  if (now !== to)
    throw new HoldError("sink-read-back", `${place.path}: AWSCURRENT stands on ${now ?? "nothing"} after it was moved to ${to}`);
  return { version: to };
}

/** Version id → its stages. Throws HoldError("sink-absent") where there is no such secret: Rekey never makes one. */
async function describe(client: SecretsManagerClient, place: SinkPlace): Promise<ReadonlyMap<string, readonly string[]>> {
  try {
    const { VersionIdsToStages: stages } = await client.send(new DescribeSecretCommand({ SecretId: place.path }));
    return new Map(Object.entries(stages ?? {}));
  } catch (error) {
    if (awsErrorName(error) === "ResourceNotFoundException") {
      throw new HoldError("sink-absent", `${place.path}: no such secret in AWS Secrets Manager; create it, or correct stored_in`);
    }
    throw awsFailure(error, "reading the versions of a secret", { safe: true });
  }
}

/** AWSPENDING away from AWSCURRENT: a rotation of AWS has begun and will move AWSCURRENT to a value of its own. */
function refuseWhileRotating(place: SinkPlace, stages: ReadonlyMap<string, readonly string[]>): void {
  const rotating = rotationUnderWay(stages);
  if (rotating !== undefined) throw new HoldError("sink-rotating", `${place.path}: ${rotating}`);
}

function holder(stages: ReadonlyMap<string, readonly string[]>, stage: string): string | undefined {
  return [...stages].find(([, names]) => names.includes(stage))?.[0];
}

async function get(
  client: SecretsManagerClient,
  place: SinkPlace,
  which: Omit<GetSecretValueCommandInput, "SecretId">,
): Promise<{ version: string; data: Data } | undefined> {
  try {
    const answer = await client.send(new GetSecretValueCommand({ SecretId: place.path, ...which }));
    const text = answer.SecretString ?? Buffer.from(answer.SecretBinary ?? new Uint8Array()).toString("utf8");
    return { version: answer.VersionId ?? "", data: dataOf(text) };
  } catch (error) {
    if (awsErrorName(error) === "ResourceNotFoundException") return undefined;
    throw awsFailure(error, "reading a secret", { safe: true });
  }
}

/** For the inventory: what this connection may not read is not in it. */
async function getReadable(client: SecretsManagerClient, path: string): Promise<{ version: string; data: Data } | undefined> {
  try {
    return await get(client, { path }, { VersionStage: current });
  } catch (error) {
    if (error instanceof HoldError && error.code === "connection-refused") return undefined;
    throw error;
  }
}

async function* listed(client: SecretsManagerClient): AsyncGenerator<SecretListEntry> {
  let next: string | undefined;
  do {
    try {
      const page = await client.send(new ListSecretsCommand({ MaxResults: 100, ...(next === undefined ? {} : { NextToken: next }) }));
      yield* page.SecretList ?? [];
      next = page.NextToken;
    } catch (error) {
      throw awsFailure(error, "listing secrets", { safe: true });
    }
  } while (next !== undefined);
}

function dataOf(text: string): Data {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return parsed as Record<string, unknown>;
  } catch {
    // not JSON: the whole text is the value
  }
  return { [whole]: text };
}

/** A field beside a bare text has no place: the new fields then are the whole entry. */
function textOf(data: Record<string, unknown>): string {
  const { [whole]: text, ...fields } = data;
  if (Object.keys(fields).length > 0 && text !== undefined) {
    throw new HoldError(
      "sink-shape",
      "the entry is a bare text and the place names a field; make the entry a JSON object, or drop the field",
    );
  }
  return typeof text === "string" ? text : JSON.stringify(fields);
}

function conflict(place: SinkPlace, from: string, found: string | undefined): HoldError {
  return new HoldError(
    "sink-conflict",
    `${place.path}: expected version ${from} to be current, found ${found ?? "none"}: somebody else wrote it, and their version stays`,
  );
}
