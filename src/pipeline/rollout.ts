import { createHash } from "node:crypto";
import { z } from "zod";
import {
  type EffectivePolicy,
  effectivePolicy,
  OrganizationPolicy,
  parseOrganizationPolicy,
  parseRepositoryPolicy,
  policyPath,
  RepositoryPolicy,
  type RolloutRule,
  type Stage,
} from "../config/github-policy.ts";
import { ConfigError, RefusedError } from "../errors.ts";
import { call } from "../github/client.ts";
import type { EventRepository } from "../github/handlers.ts";
import type { SourceFile } from "../identity/graph.ts";
import type { Incident } from "../incident/fold.ts";
import {
  confirmRollout,
  drawnStages,
  type RecentPullRequest,
  type RepositoryRow,
  recentPullRequests,
  rolloutState,
  saveFacts,
  savePolicy,
  savePolicyError,
} from "../store/rollout.ts";
import { clientOf } from "./code.ts";
import { githubHost, type Rekey } from "./context.ts";

const day = 86_400_000;

/** Said to who asks for a rotation where the rollout does not go that far. */
export const notEnabled = "Rotation is not enabled here: the rollout of this repository does not go as far as `rotate` (docs/rollout.md).";

/** A repository with what counts there. */
export interface RepositoryStage {
  readonly host: string;
  readonly id: number;
  readonly fullName: string;
  readonly policy: EffectivePolicy;
  /** What is wrong with its `.github/rekey.yml`; the last good one counts. */
  readonly error?: string;
}

/** What counts in one repository; undefined where nobody knows it. */
export async function policyOf(rekey: Rekey, repositoryId: number): Promise<RepositoryStage | undefined> {
  return (await repositoryStages(rekey, [repositoryId]))[0];
}

/** What counts for an incident, which knows the name of its repository; without one, what the server's configuration says. */
export async function policyFor(rekey: Rekey, { repository }: Pick<Incident, "repository">): Promise<EffectivePolicy> {
  const { db } = rekey.database;
  const row =
    repository === undefined
      ? undefined
      : await db
          .selectFrom("repository")
          .select("id")
          .where("host", "=", githubHost(rekey))
          .where("full_name", "=", repository)
          .executeTakeFirst();
  const known = row === undefined ? undefined : await policyOf(rekey, row.id);
  if (known !== undefined) return known.policy;
  const facts = { key: "", name: "", topics: [], properties: {}, private: true };
  return effectivePolicy({ server: rekey.config.policy, facts, held: (await rolloutState(db)).hold !== undefined });
}

/** All repositories, or those of these ids, by name. */
export async function repositoryStages(rekey: Rekey, ids?: readonly number[]): Promise<RepositoryStage[]> {
  const { db } = rekey.database;
  const host = githubHost(rekey);
  let query = db.selectFrom("repository").selectAll().where("host", "=", host).orderBy("full_name");
  if (ids !== undefined) query = query.where("id", "in", [...ids]);
  const rows = await query.execute();
  const owners = [...new Set(rows.map(({ full_name }) => `${ownerOf(full_name)}/.github`))];
  const organizations =
    owners.length === 0
      ? []
      : await db
          .selectFrom("repository")
          .selectAll()
          .where("host", "=", host)
          .where((row) => row.fn<string>("lower", ["full_name"]), "in", owners)
          .execute();
  const byOwner = new Map(organizations.map((row) => [ownerOf(row.full_name), row]));
  const { hold, confirmed } = await rolloutState(db);
  return rows.map((row) => {
    const owner = ownerOf(row.full_name);
    const organization = byOwner.get(owner);
    const policy = effectivePolicy({
      server: rekey.config.policy,
      organization: organization === undefined ? undefined : OrganizationPolicy.safeParse(organization.policy).data,
      confirmed: rulesIn(confirmed.get(`${host}/${owner}`)?.rules),
      repository: row.id === organization?.id ? undefined : RepositoryPolicy.safeParse(row.policy).data,
      facts: factsOf(row),
      held: hold !== undefined,
    });
    return { host, id: row.id, fullName: row.full_name, policy, ...(row.policy_error === null ? {} : { error: row.policy_error }) };
  });
}

export interface RolloutOverview {
  readonly hold?: { readonly by: string; readonly reason: string; readonly at: string };
  readonly repositories: readonly RepositoryStage[];
}

/** How far Rekey goes everywhere, and why. */
export async function rolloutOverview(rekey: Rekey): Promise<RolloutOverview> {
  const { hold } = await rolloutState(rekey.database.db);
  return { ...(hold === undefined ? {} : { hold }), repositories: await repositoryStages(rekey) };
}

/** Takes over `.github/rekey.yml` of a default branch: a bad one changes nothing and is said with its line. */
export async function takePolicyFile(
  rekey: Rekey,
  repository: { id: number; fullName: string },
  files: readonly SourceFile[],
): Promise<void> {
  const { db } = rekey.database;
  const of = { host: githubHost(rekey), repositoryId: repository.id };
  const problem = policyProblem(repository.fullName, files);
  if (problem !== undefined) await savePolicyError(db, of, problem);
  else await savePolicy(db, of, readPolicy(repository.fullName, files));
}

/** What is wrong with the policy file among these, with its line; undefined = nothing, or there is none. */
export function policyProblem(fullName: string, files: readonly SourceFile[]): string | undefined {
  try {
    readPolicy(fullName, files);
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}

function readPolicy(fullName: string, files: readonly SourceFile[]): OrganizationPolicy | RepositoryPolicy | undefined {
  const text = files.find(({ path }) => path === policyPath)?.text;
  if (text === undefined) return undefined;
  return isOrganization(fullName) ? parseOrganizationPolicy(text) : parseRepositoryPolicy(text);
}

const Facts = z.object({
  topics: z.array(z.string().max(100)).max(100).default([]),
  custom_properties: z.record(z.string().max(100), z.unknown()).default({}),
});

/** Asks GitHub for what rules choose by. A custom property of several values is none that a rule could name. */
export async function takeFacts(rekey: Rekey, repository: EventRepository): Promise<void> {
  const read = Facts.safeParse(await call(await clientOf(rekey, repository), "GET /repos/{owner}/{repo}"));
  if (!read.success) return;
  const properties = Object.entries(read.data.custom_properties).flatMap(([name, value]) =>
    typeof value === "string" ? [[name, value]] : [],
  );
  const of = { host: githubHost(rekey), repositoryId: repository.id };
  await saveFacts(rekey.database.db, of, { topics: read.data.topics, properties: Object.fromEntries(properties) });
}

/** Brings what stands on GitHub to the stage that counts now: after a change of the rules, a confirmation, a hold. */
export async function followRollout(rekey: Rekey, redraw: (repositoryId: number, number: number) => Promise<void>): Promise<void> {
  const drawn = await drawnStages(rekey.database.db, githubHost(rekey));
  if (drawn.length === 0) return;
  const stages = new Map((await repositoryStages(rekey)).map(({ id, policy }) => [id, policy.stage]));
  for (const { repositoryId, number, stage } of drawn) {
    const now = stages.get(repositoryId) ?? "observe";
    if (now !== (stage ?? "observe")) await redraw(repositoryId, number);
  }
}

/** What a change of the rules would do in one repository, and what would have been written there in the last thirty days. */
export interface RolloutChange {
  readonly repository: string;
  readonly from: Stage;
  readonly to: Stage;
  readonly pullRequests: number;
  readonly would: readonly string[];
}

export interface RolloutPlan {
  /** What `rekey rollout confirm` takes; undefined = nothing waits. */
  readonly hash?: string;
  readonly changes: readonly RolloutChange[];
}

/** What waits for a confirmation. Rules that lower a stage count at once and wait for nobody. */
export async function rolloutPlan(rekey: Rekey, now = new Date()): Promise<RolloutPlan> {
  const waiting = await unconfirmed(rekey);
  if (waiting.length === 0) return { changes: [] };
  const recent = await recentPullRequests(rekey.database.db, new Date(now.getTime() - 30 * day));
  const changes = (await repositoryStages(rekey)).flatMap(({ id, fullName, policy }) => {
    const { stage, waiting: to } = policy;
    if (to === undefined) return [];
    const pulls = recent.filter(({ repositoryId }) => repositoryId === id);
    return [{ repository: fullName, from: stage, to, pullRequests: pulls.length, would: pulls.flatMap((pull) => written(pull, to)) }];
  });
  return { hash: hashOf(waiting), changes };
}

/** Lets the rules count that were shown with this hash. Throws RefusedError where they are others by now. */
export async function confirmRules(rekey: Rekey, hash: string, by: string): Promise<void> {
  const waiting = await unconfirmed(rekey);
  if (waiting.length === 0) throw new RefusedError("no rules of a rollout wait for a confirmation");
  if (hashOf(waiting) !== hash)
    throw new RefusedError(`the rules have changed: look at them with rekey rollout plan (now ${hashOf(waiting)})`);
  for (const { host, account, rules } of waiting) await confirmRollout(rekey.database.db, { host, account }, rules, by);
}

interface Waiting {
  readonly host: string;
  readonly account: string;
  readonly rules: readonly RolloutRule[];
}

async function unconfirmed(rekey: Rekey): Promise<Waiting[]> {
  const { db } = rekey.database;
  const host = githubHost(rekey);
  const { confirmed } = await rolloutState(db);
  const rows = await db.selectFrom("repository").selectAll().where("host", "=", host).where("full_name", "like", "%/.github").execute();
  return rows.flatMap((row) => {
    const account = ownerOf(row.full_name);
    const rules = OrganizationPolicy.safeParse(row.policy).data?.rollout ?? [];
    const before = rulesIn(confirmed.get(`${host}/${account}`)?.rules) ?? [];
    return isSame(rules, before) ? [] : [{ host, account, rules }];
  });
}

/** One line a pull request: what this stage would have put on it. */
function written({ number, incidents }: RecentPullRequest, stage: Stage): string[] {
  const red = incidents.some(({ blocking }) => blocking) && (stage === "block" || stage === "rotate");
  if (incidents.length === 0) return [];
  const what = [red ? "a red check" : "a neutral check", ...(stage === "check" ? [] : ["a comment"])].join(" and ");
  return [`#${number}: ${what} (${incidents.map(({ id, title }) => `${id} ${title}`).join("; ")})`];
}

function factsOf(row: RepositoryRow) {
  return {
    key: `${row.host}/${row.id}`,
    name: row.full_name.split("/")[1] ?? row.full_name,
    topics: row.topics,
    properties: row.properties,
    private: row.private,
  };
}

function rulesIn(rules: unknown): readonly RolloutRule[] | undefined {
  return OrganizationPolicy.shape.rollout.safeParse(rules ?? []).data;
}

function hashOf(waiting: readonly Waiting[]): string {
  return createHash("sha256").update(JSON.stringify(waiting)).digest("hex").slice(0, 12);
}

/** jsonb forgets the order of keys. */
function isSame(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([x], [y]) => (x < y ? -1 : 1)))
      : part,
  );
}

function ownerOf(fullName: string): string {
  return (fullName.split("/")[0] ?? "").toLowerCase();
}

function isOrganization(fullName: string): boolean {
  return fullName.endsWith("/.github");
}
