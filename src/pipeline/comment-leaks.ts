import { z } from "zod";
import type { Finding } from "../finding.ts";
import { call, type RepositoryClient } from "../github/client.ts";
import { escapeMarkdown } from "../github/escape.ts";
import type { EventRepository } from "../github/handlers.ts";
import { buildGraph } from "../identity/graph.ts";
import { aliasingScan } from "../scan/aliases.ts";
import { valueAt } from "../scan/scan.ts";
import { suppress } from "../scan/suppress.ts";
import type { Secret } from "../secret.ts";
import { getIncident, listOccurrences, type Occurrence } from "../store/incidents.ts";
import { claim, desire, markApplied, readDesired } from "../store/outbox.ts";
import { clientOf, keyringOf, remoteOf, scopeOf } from "./code.ts";
import { contextOf, type Rekey } from "./context.ts";
import { defaultBranchFiles } from "./inventory.ts";
import { rulesetOf } from "./own-detectors.ts";
import { planFor } from "./planning.ts";
import { quarantinePlace } from "./recover.ts";
import { policyFor } from "./rollout.ts";
import { identified, openIncident, rulesOf } from "./scan-code.ts";
import { observeValidity } from "./verify.ts";

/** A comment of an issue or a pull request that was written or changed. */
export interface Commented {
  readonly repository: EventRepository;
  readonly issue: number;
  readonly comment: number;
  readonly sender: string;
  readonly receivedAt: string;
}

const Comment = z.object({
  body: z.string(),
  created_at: z.string(),
  user: z.object({ login: z.string() }).nullable(),
  performed_via_github_app: z.object({ id: z.number() }).nullish(),
});
type Comment = z.output<typeof Comment>;

/** Opens incidents for credentials in a comment, which is read again: the event is kept without its text. Rekey's own are left out. */
export async function judgeComment(rekey: Rekey, commented: Commented): Promise<void> {
  const { repository, issue, comment, sender, receivedAt } = commented;
  const read = await readComment(await clientOf(rekey, repository), comment);
  if (read === undefined || read.performed_via_github_app?.id === rekey.config.github?.app_id) return;
  const scope = scopeOf(rekey, repository.fullName);
  const files = await defaultBranchFiles(rekey, repository, await remoteOf(rekey, repository));
  const { rules } = rulesOf(files, scope);
  const { ruleset } = await rulesetOf(rekey, files);
  const seen = aliasingScan(ruleset, keyringOf(rekey, repository.fullName, rules.salts));
  const origin = { kind: "github-text" as const, path: pathOf(issue, comment), repository: scope, node: String(comment) };
  const found = seen.scan({ bytes: Buffer.from(read.body), origin });
  const { kept } = suppress([...found], {
    ...rules,
    aliases: seen.aliases,
    placed: seen.placed,
    today: new Date().toISOString().slice(0, 10),
  });
  if (kept.length === 0) return;
  const graph = buildGraph({ scope, files, findings: kept, storeMatches: [] });
  for (const one of kept) {
    const finding = identified(one, graph);
    const id = await openIncident(rekey, repository, { finding, exposedAt: receivedAt, pushedBy: sender });
    if (rekey.config.policy.probe === "on") await observeValidity(rekey, id, finding);
    await planFor(rekey, id, graph.declared);
    await answer(rekey, commented, id, read);
  }
}

/** Says it below the comment, once; with the policy `delete-and-repost` the comment is replaced at once. */
async function answer(rekey: Rekey, { repository, issue, comment }: Commented, id: string, read: Comment): Promise<void> {
  const { db } = rekey.database;
  const incident = await getIncident(db, id);
  const { stage, disclosure } = await policyFor(rekey, { repository: repository.fullName });
  const mode = rekey.config.policy.comments;
  if (incident === undefined || incident.state === "resolved" || mode === "off" || stage === "observe" || stage === "check") return;
  if (mode === "delete-and-repost" && (await redact(rekey, repository, issue, id)).ok) return;
  const what = disclosure === "private" ? "a credential" : escapeMarkdown(incident.credential.title);
  const author = read.user === null ? "somebody" : escapeMarkdown(read.user.login);
  const body = `**${id}**: the comment of ${author} above holds ${what}. Whoever reads this could use it: revoke it first.\n\nAn edit does not help, the comment keeps its former text: delete it, or say \`/rekey redact ${id}\`, which posts it again without the value and deletes it.`;
  const key = `comment-leak/${repository.id}/${comment}/${id}`;
  await desire(db, { key, kind: "comment-leak", installationId: repository.installation, desired: { id } });
  const due = await readDesired(db, key);
  if (due === undefined || due.applied || !(await claim(db, due))) return;
  await call(await clientOf(rekey, repository, "converse"), "POST /repos/{owner}/{repo}/issues/{issue_number}/comments", {
    issue_number: issue,
    body,
  });
  await markApplied(db, key, due.hash);
}

interface Note {
  readonly ok: boolean;
  readonly text: string;
}

/**
 * Posts each comment of this conversation that holds the credential again, without the value, and then deletes it: the history of an
 * edited comment stays readable, a deleted one's does not. The value is not let go before its death can be proven without it.
 */
export async function redact(rekey: Rekey, repository: EventRepository, issue: number, id: string): Promise<Note> {
  const incident = await getIncident(rekey.database.db, id);
  const all = await listOccurrences(rekey.database.db, id);
  const here = all.filter((one) => one.repository === repository.fullName && commentOf(one, issue) !== undefined);
  if (incident === undefined || here.length === 0) return { ok: false, text: `No comment here is known to hold the credential of ${id}.` };
  const elsewhere = all.some((one) => !here.includes(one));
  const client = await clientOf(rekey, repository, "converse");
  let done = 0;
  for (const comment of new Set(here.flatMap((one) => commentOf(one, issue) ?? []))) {
    const read = await readComment(client, comment);
    if (read === undefined) continue;
    const findings = here.filter((one) => commentOf(one, issue) === comment).map(({ finding }) => finding);
    const value = valueIn(rekey, repository, read.body, findings);
    try {
      if (value !== undefined && incident.death === undefined && !elsewhere && !(await kept(rekey, id, value)))
        return {
          ok: false,
          text: `This is the last place that holds the value of ${id}: without it its death could not be proven. Rotate it first, or set \`quarantine:\` in rekey.yml.`,
        };
    } finally {
      value?.wipe();
    }
    const body = reposted(read, findings, id);
    await call(client, "POST /repos/{owner}/{repo}/issues/{issue_number}/comments", { issue_number: issue, body });
    await call(client, "DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}", { comment_id: comment });
    done++;
  }
  return done === 0
    ? { ok: true, text: `The comment with the credential of ${id} is gone already.` }
    : {
        ok: true,
        text: `Posted again without the value of ${id}, and deleted. Mails with the old text went out: it counts as leaked all the same.`,
      };
}

async function kept(rekey: Rekey, incident: string, value: Secret): Promise<boolean> {
  const place = quarantinePlace(rekey);
  if (place === undefined) return false;
  await place.quarantine.keep(contextOf(rekey, place.connection), incident, value, place.ttl);
  return true;
}

function valueIn(rekey: Rekey, repository: EventRepository, body: string, findings: readonly Finding[]): Secret | undefined {
  const keyring = keyringOf(rekey, repository.fullName);
  for (const { locator, fingerprint } of findings) {
    const value = valueAt(Buffer.from(body), locator, fingerprint, rekey.ruleset, keyring);
    if (value !== undefined) return value;
  }
  return undefined;
}

/** The text as a quotation: its mentions reach nobody a second time, and no line of it is a command. */
function reposted({ body, user, created_at }: Comment, findings: readonly Finding[], id: string): string {
  const bytes = Buffer.from(body);
  const spans = findings.map(({ locator }) => locator).toSorted((a, b) => b.byteStart - a.byteStart);
  let text = bytes;
  for (const { byteStart, byteEnd } of spans)
    text = Buffer.concat([text.subarray(0, byteStart), Buffer.from(`[credential removed: ${id}]`), text.subarray(byteEnd)]);
  const quoted = text
    .toString("utf8")
    .replaceAll("@", "@\u200b")
    .split("\n")
    .map((line) => `> ${line}`)
    .join("\n");
  return `Originally by ${user === null ? "somebody" : escapeMarkdown(user.login)} on ${created_at.slice(0, 10)}; Rekey removed a credential (${id}).\n\n${quoted}`.slice(
    0,
    65_000,
  );
}

/** The comment's text as GitHub has it now; undefined where it is deleted. */
export async function readComment(client: RepositoryClient, comment: number): Promise<Comment | undefined> {
  const read = Comment.safeParse(await call(client, "GET /repos/{owner}/{repo}/issues/comments/{comment_id}", { comment_id: comment }));
  return read.success ? read.data : undefined;
}

function pathOf(issue: number, comment: number): string {
  return `issues/${issue}/comments/${comment}`;
}

function commentOf({ finding }: Occurrence, issue: number): number | undefined {
  const [, number, comment] = /^issues\/(\d+)\/comments\/(\d+)$/.exec(finding.location.path ?? "") ?? [];
  return finding.location.kind === "github-text" && Number(number) === issue ? Number(comment) : undefined;
}
