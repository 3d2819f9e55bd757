import { z } from "zod";
import { RefusedError } from "../errors.ts";
import { call, type RepositoryClient } from "../github/client.ts";
import { type Command, parseCommand, verbs } from "../github/command.ts";
import type { EventRepository } from "../github/handlers.ts";
import { atLeast, roleOf } from "../github/permission.ts";
import { peopleOf } from "../github/team.ts";
import type { Incident } from "../incident/fold.ts";
import { isCredential } from "../incident/runtime.ts";
import type { Plan } from "../playbook/plan.ts";
import { giveApproval } from "../store/evidence.ts";
import { recordEvents } from "../store/incidents.ts";
import { getPullRequest, incidentsOfPullRequest, type PullRequestKey, savePullRequest } from "../store/pull-requests.ts";
import { dropRequest } from "../store/rotation-requests.ts";
import { clientOf, readPull } from "./code.ts";
import { redact } from "./comment-leaks.ts";
import { confirmConsumer } from "./confirm.ts";
import { contain, release } from "./contain.ts";
import { githubHost, type Rekey } from "./context.ts";
import { agreeToException, askException, decidersOf, declineException, howToAgree } from "./exceptions.ts";
import { notePullRequest } from "./judge.ts";
import { keptPlan } from "./readiness.ts";
import { decideOnIssue } from "./review-command.ts";
import { notEnabled, policyFor } from "./rollout.ts";
import { rotationDeps } from "./rotation.ts";
import { decideRuntime } from "./runtime-command.ts";
import { approversOf, requestRotation } from "./start-rotation.ts";
import { redraw } from "./surfaces.ts";

const Comment = z.object({
  id: z.number(),
  body: z.string(),
  created_at: z.string(),
  updated_at: z.string(),
  user: z.object({ login: z.string(), type: z.string() }),
});

/** Who said what, where: what slash command, box and button have in common. */
export interface Request {
  readonly repository: EventRepository;
  readonly number: number;
  readonly by: string;
  /** When it was said, ISO 8601 UTC with whole seconds. */
  readonly at: string;
  /** Unique: the same request is carried out once. */
  readonly source: string;
  readonly command: Command;
}

/** A new comment: reads it again, and carries it out if its first line is a command. Edited comments and bots are ignored. */
export async function onComment(
  rekey: Rekey,
  repository: EventRepository,
  number: number,
  event: { comment: number; sender: string; bot: boolean },
): Promise<void> {
  if (event.bot) return;
  const client = await clientOf(rekey, repository, "converse");
  const read = Comment.safeParse(
    await call(client, "GET /repos/{owner}/{repo}/issues/comments/{comment_id}", { comment_id: event.comment }),
  );
  if (!read.success || read.data.user.type !== "User" || read.data.updated_at !== read.data.created_at) return;
  const parsed = parseCommand(read.data.body);
  if (parsed === undefined) return;
  const key = keyOf(rekey, repository, number);
  if ("unknown" in parsed) {
    await react(client, event.comment, "confused");
    return redraw(rekey, key, `That command is not known; did you mean \`/rekey ${parsed.closest}\`?`);
  }
  await react(client, event.comment, "eyes");
  const note = await carryOut(rekey, {
    repository,
    number,
    by: read.data.user.login,
    at: read.data.created_at,
    source: `comment-${event.comment}`,
    command: parsed.command,
  });
  await react(client, event.comment, note.ok ? "rocket" : "-1");
  if ((await getPullRequest(rekey.database.db, key)) !== undefined) return redraw(rekey, key, note.text ?? null);
  // an issue has no comment of ours that could hold the answer
  if (note.text !== undefined)
    await call(client, "POST /repos/{owner}/{repo}/issues/{issue_number}/comments", { issue_number: number, body: note.text });
}

/** A box of our own comment that somebody ticked: `rotate` with the plan hash that stands beside it. */
export async function onTicked(
  rekey: Rekey,
  repository: EventRepository,
  number: number,
  event: { boxes: readonly { incident: string; plan: string }[]; comment: number; sender: string; bot: boolean },
): Promise<void> {
  const key = keyOf(rekey, repository, number);
  const row = await getPullRequest(rekey.database.db, key);
  if (event.bot || row?.comment_id !== event.comment) return;
  for (const { incident, plan } of event.boxes) {
    const command: Command = { verb: "rotate", incident, hash: plan };
    const note = await carryOut(rekey, {
      repository,
      number,
      by: event.sender,
      at: new Date().toISOString(),
      source: `box-${event.comment}-${incident}-${plan}`,
      command,
    });
    await redraw(rekey, key, note.text ?? null);
  }
}

interface Note {
  readonly ok: boolean;
  readonly text?: string;
}

/** An order about one incident; from a pull request, or from the dashboard, which names the plan's hash itself. */
export type Order = Pick<Request, "by" | "at" | "source" | "command"> & Partial<Pick<Request, "repository" | "number">>;

/** Carries a command out, or says in one sentence why not. */
export async function carryOut(rekey: Rekey, request: Request): Promise<Note> {
  const client = await clientOf(rekey, request.repository);
  const role = await roleOf(client, request.by);
  const { verb } = request.command;
  if (!atLeast(role, "read")) return { ok: false, text: "You may not command Rekey in this repository." };
  if (verb === "help")
    return {
      ok: true,
      text: Object.entries(verbs)
        .map(([name, what]) => `\`/rekey ${name}\`: ${what}`)
        .join("; "),
    };
  if (verb === "plan" || verb === "status") return { ok: true };
  if (verb === "keep" || verb === "deny") return refusalAsNote(() => decideOnIssue(rekey, request));
  const decides = isDecision(verb) && (await isSecurity(rekey, request.repository, request.by));
  if (!decides && !atLeast(role, "write")) return { ok: false, text: `\`${verb}\` needs write access to this repository.` };
  if (verb === "redact") {
    const { incident } = request.command;
    if (incident === undefined) return { ok: false, text: "Name the credential: `/rekey redact RK-…`." };
    return redact(rekey, request.repository, request.number, incident);
  }
  if (verb === "rescan") {
    await notePullRequest(rekey, request.repository, request.number, { sender: request.by, receivedAt: new Date().toISOString() });
    return { ok: true };
  }
  if ((verb === "accept" || verb === "false-positive") && (await headHasMoved(rekey, request)))
    return { ok: false, text: "The head has moved since it was scanned: look at what it holds now, and say it again." };
  const requests = verb === "accept" || verb === "false-positive" ? await confirmRequests(rekey, request) : undefined;
  if (requests !== undefined) return requests;
  const incident = await incidentOf(rekey, request);
  if (typeof incident === "string") return { ok: false, text: incident };
  return carryOutOn(rekey, request, incident);
}

/** Carries out what is about one incident; that this person has write access was seen before. */
export async function carryOutOn(rekey: Rekey, request: Order, incident: Incident): Promise<Note> {
  return refusalAsNote(() => onIncident(rekey, request, incident));
}

async function onIncident(rekey: Rekey, request: Order, incident: Incident): Promise<Note> {
  const { verb, text: reason } = request.command;
  if (verb === "acknowledge" || verb === "resolve" || (verb === "contain" && !isCredential(incident))) {
    await decideRuntime(rekey, incident, { verb, by: request.by, reason });
    return { ok: true };
  }
  if (!isCredential(incident) && !isDecision(verb))
    return { ok: false, text: `${incident.id} is a runtime event, no credential: \`resolve\` or \`contain\` it with a reason.` };
  if (verb === "rotate" || verb === "approve" || verb === "break-glass") return rotate(rekey, request, incident);
  if (verb === "verify") {
    await rekey.queue.enqueue("verify", { incident: incident.id }, { singletonKey: incident.id });
    return { ok: true, text: `Looking whether ${incident.id} is dead.` };
  }
  if (verb === "cancel") return cancel(rekey, request, incident);
  if (verb === "revoked") return state(rekey, request, incident);
  if (verb === "confirm") return confirmConsumer(rekey, incident, request.by, request.command.text);
  if (verb === "contain") return contain(rekey, incident, request.by);
  if (verb === "accept" || verb === "decline") return { ok: true, text: `${await except(rekey, request, incident)}.` };
  return dismiss(rekey, request, incident);
}

async function refusalAsNote(work: () => Promise<Note>): Promise<Note> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RefusedError) return { ok: false, text: `${error.message}.` };
    throw error;
  }
}

/** A decision about what a head holds counts for the head that was scanned (contracts.md §6). */
async function headHasMoved(rekey: Rekey, { repository, number }: Request): Promise<boolean> {
  const row = await getPullRequest(rekey.database.db, keyOf(rekey, repository, number));
  const pull = Head.safeParse(await readPull(await clientOf(rekey, repository), number));
  return !pull.success || row?.scanned_sha !== pull.data.head.sha;
}

const Head = z.object({ head: z.object({ sha: z.string() }) });

/** Where nothing is open, `accept` and `false-positive` agree to the new rules in the head; undefined where they mean an incident. */
async function confirmRequests(rekey: Rekey, { repository, number, by, command }: Request): Promise<Note | undefined> {
  const { db } = rekey.database;
  const key = keyOf(rekey, repository, number);
  const row = await getPullRequest(db, key);
  if (command.incident !== undefined || row?.requests == null) return undefined;
  if ((await incidentsOfPullRequest(db, key)).some(({ incident }) => incident.state === "open")) return undefined;
  if (!(await isSecurity(rekey, repository, by))) return { ok: false, text: securityNeeded(rekey) };
  if (command.text === undefined) return { ok: false, text: `Give a reason: \`/rekey ${command.verb} "reason"\`.` };
  await savePullRequest(db, key, { requests_confirmed_by: by });
  return { ok: true, text: "The new rules of this pull request are agreed to." };
}

/** What the security team decides, also without write access to the repository. */
export function isDecision(verb: Command["verb"]): boolean {
  return verb === "accept" || verb === "decline" || verb === "false-positive";
}

async function isSecurity(rekey: Rekey, repository: EventRepository, login: string): Promise<boolean> {
  const members = await peopleOf(await clientOf(rekey, repository), rekey.config.security_team);
  return members.some((member) => member.toLowerCase() === login.toLowerCase());
}

function securityNeeded(rekey: Rekey): string {
  return `Somebody of the security team must decide that (${rekey.config.security_team.join(", ") || "security_team in rekey.yml is empty"}).`;
}

/** The incident that is named, or the only open one. A string says what to write instead. */
async function incidentOf(rekey: Rekey, { repository, number, command }: Request): Promise<Incident | string> {
  const shown = await incidentsOfPullRequest(rekey.database.db, keyOf(rekey, repository, number));
  if (command.incident !== undefined)
    return (
      shown.find(({ incident }) => incident.id === command.incident)?.incident ??
      `${command.incident} does not belong to this pull request.`
    );
  const open = shown.filter(({ incident }) => incident.state === "open");
  const [only] = open;
  if (only !== undefined && open.length === 1) return only.incident;
  return open.length === 0
    ? "Nothing is open here."
    : `Several are open: name one of ${open.map(({ incident }) => incident.id).join(", ")}.`;
}

async function rotate(rekey: Rekey, request: Order, incident: Incident): Promise<Note> {
  const breakGlass = request.command.verb === "break-glass";
  const plan = await keptPlan(rekey, incident.id, { breakGlass });
  if ((await policyFor(rekey, incident)).stage !== "rotate") return { ok: false, text: notEnabled };
  if (incident.state === "resolved") return { ok: false, text: `${incident.id} is closed already.` };
  if (plan === undefined)
    return {
      ok: false,
      text: `No playbook serves this type. Revoke it by hand, then \`/rekey verify ${incident.id}\` or \`/rekey revoked ${incident.id} "how"\`.`,
    };
  const stale = await staleBinding(rekey, request, incident, plan);
  if (stale !== undefined) return { ok: false, text: stale };
  const reason = request.command.text;
  if (breakGlass && reason === undefined)
    return { ok: false, text: `Give a reason: \`/rekey break-glass ${incident.id} ${plan.hash} "reason"\`.` };
  const held = incident.run?.state === "held" ? await rotationDeps(rekey).journal.get(incident.run.id) : undefined;
  if (held !== undefined && held.plan.hash !== plan.hash) {
    return {
      ok: false,
      text: `A rotation by another plan (\`${held.plan.hash}\`) waits for a person: \`/rekey cancel ${incident.id}\` takes it back.`,
    };
  }
  if (plan.blockers.length > 0) return { ok: false, text: `This plan cannot run by itself: ${plan.blockers.join("; ")}.` };

  await approve(rekey, request, incident, plan, breakGlass ? reason : undefined);
  const outcome = await requestRotation(rekey, incident, plan, { by: request.by, breakGlass });
  if (outcome.state !== "started") return { ok: outcome.state === "waits", text: outcome.sentence };
  return breakGlass ? { ok: true, text: `**Break-glass**: ${incident.id} rotates now, past pause and caps.` } : { ok: true };
}

/** Counts the command as its giver's yes to this plan, if theirs counts at all. A break-glass is recorded whoever says it. */
async function approve(rekey: Rekey, request: Order, incident: Incident, plan: Plan, breakGlass: string | undefined): Promise<void> {
  const { db } = rekey.database;
  const { by, source } = request;
  const { owners, securityTeam } = await approversOf(rekey, incident, plan);
  const is = (login: string) => login.toLowerCase() === by.toLowerCase();
  if (breakGlass !== undefined) {
    rekey.log.warn({ incident: incident.id, by, plan: plan.hash }, "somebody asked for a break-glass rotation");
    await db
      .transaction()
      .execute((trx) => recordEvents(trx, incident.id, [{ type: "break-glass", planHash: plan.hash, by, reason: breakGlass }]));
  }
  if (![...owners, ...securityTeam].some(is)) return;
  const role = breakGlass !== undefined ? "break-glass" : owners.some(is) ? "owner" : "security team";
  await db.transaction().execute((trx) => giveApproval(trx, { incident: incident.id, planHash: plan.hash, by, role, source }));
}

/** contracts.md §6: bound to the plan hash of our last write, which must be older than the comment. */
async function staleBinding(rekey: Rekey, request: Order, incident: Incident, plan: Plan): Promise<string | undefined> {
  const { repository, number } = request;
  const row =
    repository === undefined || number === undefined
      ? undefined
      : await getPullRequest(rekey.database.db, keyOf(rekey, repository, number));
  const shown = row?.comment_plans?.[incident.id];
  const repeat = `Repeat it with the plan's hash: \`/rekey rotate ${incident.id} ${plan.hash}\`.`;
  if (request.command.hash !== undefined)
    return request.command.hash === plan.hash ? undefined : `The plan has changed to \`${plan.hash}\`. ${repeat}`;
  if (request.command.verb === "approve" || request.command.verb === "break-glass")
    return `Name the plan that you approve: \`/rekey ${request.command.verb} ${incident.id} ${plan.hash}\`.`;
  if (shown !== plan.hash || row?.comment_updated_at == null) return `The plan has changed. ${repeat}`;
  return row.comment_updated_at.getTime() < Date.parse(request.at)
    ? undefined
    : `The plan was written in the same second as your comment. ${repeat}`;
}

async function cancel(rekey: Rekey, request: Order, incident: Incident): Promise<Note> {
  if (await dropRequest(rekey.database.db, incident.id)) return { ok: true, text: `${incident.id} no longer waits for its rotation.` };
  if (incident.run?.state === "done" && incident.clock.contained !== undefined && incident.clock.revoked === undefined)
    return release(rekey, incident, request.by);
  if (incident.run === undefined || !["running", "held"].includes(incident.run.state))
    return { ok: false, text: "No rotation is under way." };
  await rotationDeps(rekey).journal.cancel(incident.run.id);
  await rekey.queue.enqueue("rotation", { run: incident.run.id });
  return { ok: true, text: "Cancelling; nothing is undone once the old credential is revoked." };
}

async function state(rekey: Rekey, request: Order, incident: Incident): Promise<Note> {
  const how = request.command.text;
  if (how === undefined) return { ok: false, text: `Say how: \`/rekey revoked ${incident.id} "deleted it in the console"\`.` };
  await rekey.database.db
    .transaction()
    .execute((trx) => recordEvents(trx, incident.id, [{ type: "revoked-by-statement", by: request.by, how }]));
  return { ok: true };
}

/** What is asked or agreed to is of one hash; without it, a new request with its reason and end. */
async function except(rekey: Rekey, { by, command }: Order, { id, asked }: Incident): Promise<string> {
  const { verb, text, until, hash } = command;
  if (verb === "decline") {
    if (text === undefined) throw new RefusedError(`Give a reason: \`/rekey decline ${id} "reason"\``);
    return declineException(rekey, id, { by, reason: text });
  }
  if (hash !== undefined) return agreeToException(rekey, id, { by, hash });
  if (text === undefined)
    throw new RefusedError(
      asked === undefined
        ? `Give a reason: \`/rekey accept ${id} "reason" --until YYYY-MM-DD\``
        : `${asked.by} asked: ${howToAgree({ id, asked })}`,
    );
  return askException(rekey, id, { by, vouched: true, reason: text, until });
}

/** False positive: a decision of the security team. What its vendor accepts is a credential, whoever says otherwise. */
async function dismiss(rekey: Rekey, { by, command }: Order, incident: Incident): Promise<Note> {
  const { text } = command;
  if (text === undefined) return { ok: false, text: `Give a reason: \`/rekey false-positive ${incident.id} "reason"\`.` };
  const { securityTeam } = await decidersOf(rekey, incident.id);
  if (!securityTeam.some((member) => member.toLowerCase() === by.toLowerCase())) return { ok: false, text: securityNeeded(rekey) };
  if (incident.validity === "active")
    return {
      ok: false,
      text: `${incident.id} was accepted by its vendor, so it is a credential. To live with it: \`/rekey accept ${incident.id} "reason" --until YYYY-MM-DD\`.`,
    };
  await rekey.database.db.transaction().execute((trx) =>
    recordEvents(trx, incident.id, [
      { type: "false-positive", by, reason: text },
      { type: "closed", resolution: "false_positive" },
    ]),
  );
  return { ok: true };
}

async function react(client: RepositoryClient, comment: number, content: string): Promise<void> {
  await call(client, "POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions", { comment_id: comment, content }).catch(
    () => undefined,
  );
}

function keyOf(rekey: Rekey, repository: EventRepository, number: number): PullRequestKey {
  return { host: githubHost(rekey), repositoryId: repository.id, number };
}
