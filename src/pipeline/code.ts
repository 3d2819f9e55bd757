import { z } from "zod";
import type { Finding } from "../finding.ts";
import { argument, git } from "../git.ts";
import { readAlert } from "../github/alert.ts";
import { call, type RepositoryClient } from "../github/client.ts";
import type { CodeRemote } from "../github/fetch-code.ts";
import { fetchCommit, withBareRepository } from "../github/fetch-code.ts";
import type { EventRepository } from "../github/handlers.ts";
import type { Job } from "../github/job-token.ts";
import { valueAt } from "../scan/scan.ts";
import { hasFingerprint, type Keyring, Secret, scopeSalt } from "../secret.ts";
import { memberBytes } from "../source/archive.ts";
import { listOccurrences } from "../store/incidents.ts";
import { githubHost, type Rekey } from "./context.ts";

export type RepositoryRef = Pick<EventRepository, "installation" | "id" | "fullName">;

export async function remoteOf(rekey: Rekey, repository: RepositoryRef): Promise<CodeRemote> {
  const { github } = rekey.config;
  if (github === undefined || rekey.app === undefined) throw new Error("GitHub is not configured");
  return {
    url: `${github.web}/${repository.fullName}.git`,
    token: await rekey.app.token(repository),
    loopback: new URL(github.web).protocol === "http:",
  };
}

/** `read` cannot write, `converse` cannot read code (src/github/job-token.ts). */
export async function clientOf(rekey: Rekey, repository: RepositoryRef, job: Exclude<Job, "code"> = "read"): Promise<RepositoryClient> {
  if (rekey.app === undefined) throw new Error("GitHub is not configured");
  const [owner = "", repo = ""] = repository.fullName.split("/");
  return { client: await rekey.app.client(repository, job), owner, repo };
}

/** `host/owner/name` in lower case: the scope of ids and salts. */
export function scopeOf(rekey: Rekey, fullName: string): string {
  return `${githubHost(rekey)}/${fullName}`.toLowerCase();
}

export function keyringOf(rekey: Rekey, fullName: string, salts: Keyring["salts"] = [scopeSalt(scopeOf(rekey, fullName))]): Keyring {
  return { tenant: rekey.fingerprintKeys, salts };
}

/** Where the occurrence's repository can be reached: what the occurrence's row knows beside the locator. */
export interface Recoverable {
  readonly incident: string;
  readonly fingerprint: string;
}

/**
 * The leaked value, read again from where it leaked (contracts.md §1): the blob or the message of the commit that held it, which GitHub
 * keeps also after a force-push. Counts only if its HMAC matches. The caller wipes it.
 */
export async function recover(rekey: Rekey, { incident, fingerprint }: Recoverable): Promise<Secret | undefined> {
  for (const occurrence of await listOccurrences(rekey.database.db, incident)) {
    const repository = await repositoryOf(rekey, occurrence.repository);
    if (repository === undefined) continue;
    const value = await valueAtOccurrence(rekey, repository, occurrence.finding, fingerprint).catch((error: unknown) => {
      rekey.log.warn({ incident, error: error instanceof Error ? error.name : "unknown" }, "an occurrence could not be read again");
      return undefined;
    });
    if (value !== undefined) return value;
  }
  return undefined;
}

function valueAtOccurrence(rekey: Rekey, repository: RepositoryRef, finding: Finding, fingerprint: string): Promise<Secret | undefined> {
  if (finding.locator.source === "github-alert") return alertValue(rekey, repository, finding, fingerprint);
  if (finding.location.kind === "github-text") return commentValue(rekey, repository, finding, fingerprint);
  return finding.location.commit === undefined ? Promise.resolve(undefined) : occurrenceValue(rekey, repository, finding, fingerprint);
}

/** GitHub gives the value with its alert. */
async function alertValue(rekey: Rekey, repository: RepositoryRef, { locator }: Finding, fingerprint: string): Promise<Secret | undefined> {
  const alert = await readAlert(await clientOf(rekey, repository, "alerts"), Number(locator.node));
  const secret = typeof alert === "string" ? undefined : Secret.from(alert.secret.trim());
  if (secret !== undefined && hasFingerprint(secret, fingerprint, keyringOf(rekey, repository.fullName))) return secret;
  secret?.wipe();
  return undefined;
}

/** From the comment as it is now. */
async function commentValue(
  rekey: Rekey,
  repository: RepositoryRef,
  { locator }: Finding,
  fingerprint: string,
): Promise<Secret | undefined> {
  const comment = Number(/\/comments\/(\d+)$/.exec(locator.path ?? "")?.[1] ?? Number.NaN);
  if (Number.isNaN(comment)) return undefined;
  const read = CommentText.safeParse(
    await call(await clientOf(rekey, repository), "GET /repos/{owner}/{repo}/issues/comments/{comment_id}", { comment_id: comment }),
  );
  const keyring = keyringOf(rekey, repository.fullName);
  return read.success ? valueAt(Buffer.from(read.data.body), locator, fingerprint, rekey.ruleset, keyring) : undefined;
}

const CommentText = z.object({ body: z.string() });

async function occurrenceValue(
  rekey: Rekey,
  repository: RepositoryRef,
  { location, locator }: Finding,
  fingerprint: string,
): Promise<Secret | undefined> {
  return withBareRepository(async (gitDir) => {
    const commit = location.commit ?? "";
    await fetchCommit(gitDir, await remoteOf(rekey, repository), commit, locator.blob);
    const keyring = keyringOf(rekey, repository.fullName);
    for (const bytes of await textsAt(gitDir, commit, { location, locator })) {
      const value = valueAt(bytes, locator, fingerprint, rekey.ruleset, keyring);
      if (value !== undefined) return value;
    }
    return undefined;
  });
}

/** The bytes that a locator's offsets count in: of a commit's message, a blob, or a member of an archive. */
async function textsAt(gitDir: string, commit: string, { location, locator }: Pick<Finding, "location" | "locator">): Promise<Buffer[]> {
  if (location.kind === "commit-message") {
    // as `gitLog` reads it, but without the trees
    return [await git(["log", "-1", "--no-patch", "--encoding=UTF-8", "--format=%B", argument(commit), "--"], { cwd: gitDir })];
  }
  if (locator.blob === undefined) return [];
  const bytes = await git(["cat-file", "blob", locator.blob], { cwd: gitDir });
  return locator.member === undefined ? [bytes] : memberBytes(bytes, locator.path ?? "", locator.member);
}

export async function repositoryOf(rekey: Rekey, fullName: string | undefined): Promise<RepositoryRef | undefined> {
  if (fullName === undefined) return undefined;
  const row = await rekey.database.db
    .selectFrom("repository")
    .select(["id", "installation_id", "full_name"])
    .where("full_name", "=", fullName)
    .executeTakeFirst();
  return row === undefined ? undefined : { installation: row.installation_id, id: row.id, fullName: row.full_name };
}

export async function readPull(repository: RepositoryClient, number: number): Promise<unknown> {
  return call(repository, "GET /repos/{owner}/{repo}/pulls/{pull_number}", { pull_number: number });
}
