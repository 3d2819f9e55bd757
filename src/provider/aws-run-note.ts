import { type IAMClient, ListUserTagsCommand, TagUserCommand, UntagUserCommand } from "@aws-sdk/client-iam";
import { awsErrorName, awsFailure } from "../connection/aws.ts";

/**
 * Credentials of IAM users carry no name. Before a run makes one it notes in a tag of the user which are there already, so that what a
 * lost answer leaves behind can be told from everybody else's: `rekey-<run>` = `<seconds> <id> <id>`.
 */
export interface RunNote {
  readonly run: string;
  /** Ids of the credentials that were there before the run made its own. */
  readonly before: readonly string[];
  /** When it was written, milliseconds. */
  readonly at: number;
}

/** What a note can be about. */
export interface NotedKey {
  readonly id: string;
  /** ISO 8601. */
  readonly createdAt: string | undefined;
}

/** Whose notes: `prefix` keeps those of one kind of credential apart from another's. */
interface Noted {
  readonly user: string;
  readonly prefix: string;
}

/** Milliseconds: how far AWS's clock and ours may differ, and how long after its note a credential may come into being. */
const window = { clocks: 120_000, answer: 300_000 };

/** The run whose note was written shortly before this credential was made, and that found every other one there already. */
export function ownerRun({ id, createdAt }: NotedKey, keys: readonly NotedKey[], notes: readonly RunNote[]): string | undefined {
  const made = Date.parse(createdAt ?? "");
  const fits = notes.filter(
    ({ before, at }) =>
      !before.includes(id) &&
      keys.every((key) => key.id === id || before.includes(key.id)) &&
      made >= at - window.clocks &&
      made <= at + window.answer,
  );
  return fits.length === 1 ? fits[0]?.run : undefined;
}

export async function notesOf(client: IAMClient, { user, prefix }: Noted): Promise<RunNote[]> {
  const notes: RunNote[] = [];
  let marker: string | undefined;
  do {
    const page = await client
      .send(new ListUserTagsCommand({ UserName: user, ...(marker === undefined ? {} : { Marker: marker }) }))
      .catch((error: unknown) => {
        if (awsErrorName(error) === "NoSuchEntityException") return undefined;
        throw awsFailure(error, "reading the tags of an IAM user", { safe: true });
      });
    for (const { Key: key, Value: value } of page?.Tags ?? [])
      if (key?.startsWith(`${prefix}rekey-`) === true) {
        const [seconds, ...before] = (value ?? "").split(" ");
        notes.push({ run: key.slice(prefix.length), before, at: Number(seconds) * 1000 });
      }
    marker = page?.IsTruncated === true ? page.Marker : undefined;
  } while (marker !== undefined);
  return notes;
}

/** Before the credential is made; notes of earlier runs go, since their question is settled. */
export async function writeNote(client: IAMClient, { user, prefix, run, before }: Noted & Omit<RunNote, "at">): Promise<void> {
  const settled = (await notesOf(client, { user, prefix })).map((old) => old.run).filter((old) => old !== run);
  const Value = [Math.floor(Date.now() / 1000), ...before].join(" ");
  try {
    if (settled.length > 0) await client.send(new UntagUserCommand({ UserName: user, TagKeys: settled.map((old) => prefix + old) }));
    await client.send(new TagUserCommand({ UserName: user, Tags: [{ Key: prefix + run, Value }] }));
  } catch (error) {
    throw awsFailure(error, "noting on the IAM user which credentials it has", { safe: true });
  }
}

export async function removeNote(client: IAMClient, { user, prefix, run }: Noted & Pick<RunNote, "run">): Promise<void> {
  await client.send(new UntagUserCommand({ UserName: user, TagKeys: [prefix + run] })).catch((error: unknown) => {
    if (awsErrorName(error) !== "NoSuchEntityException") throw awsFailure(error, "removing a tag of an IAM user", { safe: true });
  });
}
