import { createHash } from "node:crypto";
import { canonical } from "../incident/canonical.ts";
import type { Clock } from "../incident/fold.ts";

/** What an identity may reach, and what a reviewer decides about. */
export type Access =
  /** A credential that leaked: its incident has the places and the plan. */
  | {
      readonly kind: "credential";
      readonly incident: string;
      readonly detector: string;
      readonly title: string;
      readonly fingerprint: string;
    }
  /** An entry of a secret manager that the identity reads. */
  | { readonly kind: "stored"; readonly connection: string; readonly path: string; readonly field?: string }
  /** The identity itself, where no credential of it is known. */
  | { readonly kind: "identity" };

/** An identity with one access, as it was when the campaign began. What the reviewer saw is what the decision is about. */
export interface Snapshot {
  readonly identity: { readonly id: string; readonly kind: string; readonly name: string; readonly owner?: string };
  readonly repository?: string;
  readonly access: Access;
  /** What the credential can do, in words: resources and further identities that it reaches. */
  readonly permissions: readonly string[];
  readonly lifetime: Lifetime;
  /** Who wrote the identity or its credential: GitHub logins. Absent = could not be found out. */
  readonly authors?: readonly string[];
  /** ISO 8601 UTC; absent = nothing says when. */
  readonly lastUsed?: string;
  /** Why we think so: sentences without any value. */
  readonly evidence: readonly string[];
}

/** How long an access lasts. `unknown` = nothing says it. */
export type Lifetime = "standing" | "temporary" | "inherited" | "delegated" | "unknown";

export interface Decision {
  readonly verdict: "keep" | "deny";
  readonly by: string;
  readonly reason: string;
  /** Where it was given: `issue`, `dashboard` (after a log-in through GitHub), `api:<token>`, `import`, `operator`. */
  readonly via: string;
  readonly at: string;
}

/** What came of a denial so far. */
export interface Applied {
  readonly state: "started" | "waits" | "by-hand" | "refused";
  readonly sentence: string;
  /** The incident whose credential must be seen dead. */
  readonly incident?: string;
}

export interface Item {
  readonly id: string;
  readonly campaign: string;
  readonly snapshot: Snapshot;
  /** Hash of the snapshot: 16 hex characters. */
  readonly hash: string;
  readonly state: ItemState;
  /** Oldest first; the last one counts. */
  readonly decisions: readonly Decision[];
  readonly applied?: Applied;
  /** The denied access was seen gone. */
  readonly verifiedAt?: string;
}

export interface Campaign {
  readonly id: string;
  readonly name: string;
  readonly createdBy: string;
  readonly createdAt: string;
  readonly dueAt: string;
  readonly issue?: { readonly repository: string; readonly number: number };
}

export type ItemState = "open" | "second-needed" | "kept" | "denied" | "verified";

export function snapshotHash(snapshot: Snapshot): string {
  return createHash("sha256").update(canonical(snapshot)).digest("hex").slice(0, 16);
}

/** What is no longer as the reviewer saw it; empty = nothing that matters. When it was used last changes by itself. */
export function changesSince(frozen: Snapshot, now: Snapshot | undefined): string[] {
  if (now === undefined) return ["the access is no longer there"];
  const parts: [string, unknown, unknown][] = [
    ["owner", frozen.identity.owner, now.identity.owner],
    ["name", frozen.identity.name, now.identity.name],
    ["access", frozen.access, now.access],
    ["permissions", [...frozen.permissions].sort(), [...now.permissions].sort()],
    ["lifetime", frozen.lifetime, now.lifetime],
  ];
  return parts.flatMap(([what, before, after]) => (canonical(before) === canonical(after) ? [] : [`its ${what} changed`]));
}

/**
 * Whether a decision speaks for a person of its own. GitHub says who wrote a comment; elsewhere whoever holds the socket or a token names
 * the reviewer, and could name two: of all those words together only the first person's counts.
 */
export function countsAsPerson(
  decisions: readonly Pick<Decision, "verdict" | "by" | "via">[],
  given: Pick<Decision, "verdict" | "by" | "via">,
): boolean {
  if (vouched(given)) return true;
  const first = decisions.find((one) => one.verdict === given.verdict && !vouched(one));
  return first === undefined || plain(first.by) === plain(given.by);
}

/** GitHub says who spoke. */
function vouched({ via }: Pick<Decision, "via">): boolean {
  return via === "issue" || via === "dashboard";
}

export type Judgement =
  | { readonly state: "accepted" | "second-needed"; readonly sentence: string }
  | { readonly state: "refused"; readonly sentence: string };

/**
 * Whether this person may decide so. `owners` and `securityTeam` are logins (or the owner as it is written, such as an e-mail
 * address). Keeping an access is never the word of who made it alone, nor where nobody knows who made it.
 */
export function judgeDecision(
  item: Item,
  given: Pick<Decision, "verdict" | "by" | "via">,
  { owners, securityTeam }: { owners: readonly string[]; securityTeam: readonly string[] },
): Judgement {
  const may = unique([...owners, ...securityTeam]);
  const by = plain(given.by);
  if (!may.includes(by)) {
    const who = may.length === 0 ? "nobody: it has no owner, and security_team in rekey.yml is empty" : may.join(", ");
    return { state: "refused", sentence: `${given.by} may not decide ${item.id}; who may: ${who}` };
  }
  if (given.verdict === "deny") return { state: "accepted", sentence: `${item.id} is denied` };
  const authors = item.snapshot.authors?.map(plain);
  const said = [...item.decisions, given].filter(({ verdict }) => verdict === "keep").filter((one) => countsAsPerson(item.decisions, one));
  const yes = unique(said.map((one) => one.by)).filter((person) => may.includes(person));
  if (authors === undefined ? yes.length >= 2 : yes.some((person) => !authors.includes(person)))
    return { state: "accepted", sentence: `${item.id} is kept` };
  const why = authors === undefined ? "nobody could say who made this access" : `${by} made this access`;
  const others = may.filter((person) => !yes.includes(person) && authors?.includes(person) !== true);
  return {
    state: "second-needed",
    sentence: `${item.id}: ${why}, so a second person must agree: ${others.length === 0 ? "nobody else may; name a security team" : others.join(", ")}`,
  };
}

/** An item is done when it is kept, or when what was denied was seen dead. */
export function isDone(state: ItemState): boolean {
  return state === "kept" || state === "verified";
}

/** Whether the incident of a denied credential proves that the access is gone. A statement is not proof. */
export function provesGone(incident: { readonly clock: Clock; readonly death?: unknown } | undefined): boolean {
  return incident?.death !== undefined && incident.clock.dead !== undefined;
}

export function accessText(access: Access): string {
  if (access.kind === "credential") return `${access.title} of ${access.incident}`;
  if (access.kind === "stored") return `${access.connection}:${access.path}${access.field === undefined ? "" : `#${access.field}`}`;
  return "the identity itself (no credential of it is known)";
}

function plain(person: string): string {
  return person.trim().replace(/^@/, "").toLowerCase();
}

function unique(people: readonly string[]): string[] {
  return [...new Set(people.map(plain))];
}
