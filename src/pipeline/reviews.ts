import { z } from "zod";
import { RefusedError, UsageError } from "../errors.ts";
import { call, type RepositoryClient } from "../github/client.ts";
import { peopleOf } from "../github/team.ts";
import { accessText, type Campaign, changesSince, type Decision, type Item, judgeDecision, type Snapshot } from "../governance/review.ts";
import { createCampaign, getItem, lockItem, recordDecision, refreeze, saveIssue } from "../store/reviews.ts";
import { clientOf, repositoryOf } from "./code.ts";
import type { Rekey } from "./context.ts";
import { type KnownIdentity, knownIdentities, snapshotsOf } from "./known-identities.ts";
import { checkIssueRepository, showCampaign } from "./review-issue.ts";
import { withdraw } from "./withdraw.ts";

/** More than this is nobody's review: narrow it by owner, kind or repository. */
const mostItems = 20_000;

export interface CampaignRequest {
  readonly name: string;
  /** ISO 8601 UTC. */
  readonly dueAt: string;
  readonly by: string;
  readonly owner?: string;
  readonly kind?: string;
  readonly repository?: string;
  /** `owner/name` where the campaign's issue is opened; absent = no issue. */
  readonly issueIn?: string;
}

/** Freezes what is known of every identity in scope into items, and opens the campaign's issue where one is wanted. */
export async function openCampaign(rekey: Rekey, request: CampaignRequest): Promise<{ campaign: Campaign; items: number }> {
  const scope = (await knownIdentities(rekey)).filter(
    ({ owner, kind, repository }) =>
      (request.owner === undefined || owner === request.owner) &&
      (request.kind === undefined || kind === request.kind) &&
      (request.repository === undefined || repository === request.repository),
  );
  if (request.issueIn !== undefined) await checkIssueRepository(rekey, request.issueIn);
  const authors = authorsBy(rekey);
  const snapshots: Snapshot[] = [];
  for (const identity of scope) {
    snapshots.push(...(await snapshotsOf(rekey, identity, await authors(identity))));
    if (snapshots.length > mostItems)
      throw new UsageError(`more than ${mostItems} items; narrow the campaign with --owner, --kind or --repository`);
  }
  if (snapshots.length === 0) throw new UsageError("no identity is in this scope; rekey review create --help lists how to choose");
  const { name, by, dueAt } = request;
  const campaign = await rekey.database.db.transaction().execute((trx) => createCampaign(trx, { name, by, dueAt, snapshots }));
  rekey.log.info({ campaign: campaign.id, items: snapshots.length }, "an access review began");
  if (request.issueIn !== undefined) {
    await saveIssue(rekey.database.db, campaign.id, { repository: request.issueIn });
    await showCampaign(rekey, campaign.id);
  }
  return { campaign, items: snapshots.length };
}

export interface DecisionRequest {
  readonly item: string;
  readonly verdict: Decision["verdict"];
  readonly by: string;
  readonly reason: string;
  readonly via: string;
  /** The hash of the snapshot that the person saw; absent = the one that is shown now. */
  readonly hash?: string;
}

/**
 * A decision, wherever it comes from: checked against who may, what was seen and what is true now. Throws RefusedError with the reason.
 * A denial starts to end the access at once. Returns one sentence.
 */
export async function decideItem(rekey: Rekey, request: DecisionRequest, known?: Known): Promise<string> {
  const { db } = rekey.database;
  const item = await getItem(db, request.item);
  if (item === undefined) throw new RefusedError(`${request.item} is not an item of any access review`);
  if (request.hash !== undefined && request.hash !== item.hash) {
    throw new RefusedError(
      `${request.item}: this decision is about snapshot ${request.hash.slice(0, 40)}, the item has ${item.hash}; look at it again and decide about that one`,
    );
  }
  const fresh = await currentSnapshot(rekey, item, known);
  const changes = changesSince(item.snapshot, fresh);
  if (changes.length > 0 && item.state !== "denied" && item.state !== "verified") {
    if (fresh === undefined) throw new RefusedError(`${request.item}: ${changes.join(", ")}; there is nothing left to decide about`);
    const hash = await db.transaction().execute((trx) => refreeze(trx, item, fresh));
    await showCampaign(rekey, item.campaign);
    throw new RefusedError(
      `${request.item} is not as it was when the review began: ${changes.join(", ")}. Its new snapshot is ${hash}: look at it and decide again`,
    );
  }
  const people = await reviewersOf(rekey, item.snapshot);
  const sentence = await db.transaction().execute(async (trx) => {
    const now = await lockItem(trx, request.item);
    if (now === undefined || now.hash !== item.hash) throw new RefusedError(`${request.item} changed meanwhile; look at it again`);
    if (now.state === "verified") throw new RefusedError(`${now.id} is closed: the access was denied and is gone`);
    if (now.state === "denied" && request.verdict === "keep")
      throw new RefusedError(`${now.id} is denied and its credential is being ended; grant the access anew instead`);
    const judged = judgeDecision(now, request, people);
    if (judged.state === "refused") throw new RefusedError(judged.sentence);
    const { verdict, by, reason, via } = request;
    const state = verdict === "deny" ? "denied" : judged.state === "accepted" ? "kept" : "second-needed";
    await recordDecision(trx, now, { verdict, by, reason: reason.slice(0, 500), via, at: new Date().toISOString() }, state);
    return judged.sentence;
  });
  const done = request.verdict === "keep" ? sentence : `${sentence}. ${await withdraw(rekey, request.item, request)}`;
  await showCampaign(rekey, item.campaign);
  return done;
}

/** Logins behind the owner, the owner as it is written, and the security team. */
export async function reviewersOf(rekey: Rekey, { identity, repository }: Snapshot): Promise<{ owners: string[]; securityTeam: string[] }> {
  const client = await clientFor(rekey, repository);
  const owners = identity.owner === undefined ? [] : [identity.owner, ...(await peopleOf(client, [identity.owner]))];
  return { owners, securityTeam: await peopleOf(client, rekey.config.security_team) };
}

/** Every identity, where many decisions come at once and it need not be read again for each. */
export type Known = () => Promise<readonly KnownIdentity[]>;

async function currentSnapshot(rekey: Rekey, item: Item, known: Known = () => knownIdentities(rekey)): Promise<Snapshot | undefined> {
  const identity = (await known()).find(({ id }) => id === item.snapshot.identity.id);
  if (identity === undefined) return undefined;
  const text = accessText(item.snapshot.access);
  return (await snapshotsOf(rekey, identity, item.snapshot.authors)).find(({ access }) => accessText(access) === text);
}

const Commits = z.array(z.object({ author: z.object({ login: z.string() }).nullable() }));

/** The accounts that committed the files which an identity stands in, asked from GitHub; undefined where that cannot be told. */
function authorsBy(rekey: Rekey): (identity: KnownIdentity) => Promise<string[] | undefined> {
  const asked = new Map<string, Promise<string[] | undefined>>();
  return async ({ repository, paths }) => {
    const client = await clientFor(rekey, repository);
    if (client === undefined || paths.length === 0) return undefined;
    const all: string[] = [];
    for (const path of paths) {
      const key = `${repository}\0${path}`;
      const authors = asked.get(key) ?? authorsOf(client, path);
      asked.set(key, authors);
      const some = await authors;
      if (some === undefined) return undefined;
      all.push(...some);
    }
    return [...new Set(all)].toSorted();
  };
}

/** Undefined where a commit has no account, or there are more commits than one page: somebody else may be the author. */
async function authorsOf(client: RepositoryClient, path: string): Promise<string[] | undefined> {
  const answer = Commits.safeParse(await call(client, "GET /repos/{owner}/{repo}/commits", { path, per_page: 100 }).catch(() => undefined));
  if (!answer.success || answer.data.length === 0 || answer.data.length === 100) return undefined;
  const logins = answer.data.map(({ author }) => author?.login);
  return logins.includes(undefined) ? undefined : (logins as string[]);
}

async function clientFor(rekey: Rekey, fullName: string | undefined): Promise<RepositoryClient | undefined> {
  const repository = await repositoryOf(rekey, fullName);
  return repository === undefined || rekey.app === undefined ? undefined : clientOf(rekey, repository);
}
