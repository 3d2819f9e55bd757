import { createHash } from "node:crypto";
import { canonical } from "../incident/canonical.ts";
import type { Acceptance, Asked, Incident, IncidentFacts, ListedIncident } from "../incident/fold.ts";

const day = 86_400_000;

/** What names exactly what was asked for, so that nobody agrees to something else: 12 hex characters. */
export function askedHash(incident: string, { by, reason, until, at }: Asked): string {
  return createHash("sha256").update(canonical({ incident, by, reason, until, at })).digest("hex").slice(0, 12);
}

/** The last day that an exception may run to, ISO 8601 UTC. */
export function latestEnd(now: string, maxDays: number): string {
  return new Date(Date.parse(now) + maxDays * day).toISOString();
}

/**
 * The end of an exception, ISO 8601 UTC: a day lasts until its end in UTC. A sentence says what is wrong: no date, one that has passed, or
 * one beyond what the policy allows.
 */
export function parseEnd(text: string | undefined, now: string, maxDays: number): { readonly until: string } | { readonly wrong: string } {
  const end = /^\d{4}-\d{2}-\d{2}$/.test(text ?? "") ? new Date(`${text}T23:59:59.000Z`) : new Date(Number.NaN);
  // JavaScript takes 2026-02-30 for the second of March
  const isDay = !Number.isNaN(end.getTime()) && end.toISOString().startsWith(text ?? "");
  if (!isDay || end.toISOString() <= now) return { wrong: "An accepted risk needs an end: `--until YYYY-MM-DD` in the future" };
  const latest = latestEnd(now, maxDays).slice(0, 10);
  if (end.toISOString().slice(0, 10) > latest)
    return { wrong: `An exception lasts at most ${maxDays} days (policy.exceptions.max_days): until ${latest} at the latest` };
  return { until: end.toISOString() };
}

/** A refused key may be lived with on one word; what lives, or may live, needs a second person. */
export function needsSecond({ validity }: Pick<IncidentFacts, "validity">): boolean {
  return validity !== "inactive";
}

export type ExceptionJudgement =
  | { readonly state: "accepted"; readonly approver?: string }
  /** `added`: this word counts, and is to be kept. */
  | { readonly state: "needed"; readonly added: boolean; readonly sentence: string }
  | { readonly state: "refused"; readonly sentence: string };

/**
 * Whether an exception stands, with `agrees` as the newest yes (absent: it was only asked for now). Only accounts that GitHub vouches for
 * are people: whoever holds the socket or a token could name two. The last word is one of the security team who did not leak it.
 */
export function judgeException(
  incident: Pick<IncidentFacts, "id" | "validity">,
  asked: Asked,
  { agrees, securityTeam, leakers }: { agrees?: string; securityTeam: readonly string[]; leakers: readonly string[] },
): ExceptionJudgement {
  const may = unique(securityTeam).filter((person) => !unique(leakers).includes(person));
  const asker = asked.vouched ? [plain(asked.by)] : [];
  const before = unique([...asker, ...asked.agreed.map(({ by }) => by)]);
  if (agrees !== undefined && !may.includes(plain(agrees))) {
    const sentence = unique(leakers).includes(plain(agrees))
      ? `${plain(agrees)} leaked it, so somebody else of the security team must agree`
      : `Somebody of the security team must decide that (${may.join(", ") || "nobody may: security_team in rekey.yml is empty, or all of it leaked it"})`;
    return { state: "refused", sentence };
  }
  const said = unique([...before, ...(agrees === undefined ? [] : [agrees])]);
  const enough = said.length >= (needsSecond(incident) ? 2 : 1) && said.some((person) => may.includes(person));
  if (enough)
    return agrees === undefined || asker.includes(plain(agrees)) ? { state: "accepted" } : { state: "accepted", approver: agrees };
  const others = may.filter((person) => !said.includes(person));
  const added = agrees !== undefined && !before.includes(plain(agrees));
  const from = others.length === 0 ? "nobody else may: name a security team (security_team in rekey.yml)" : others.join(", ");
  return {
    state: "needed",
    added,
    sentence: `${incident.id} stays open until ${said.length === 0 ? "" : "also "}one of the security team agrees: ${from}`,
  };
}

export interface ExceptionRow {
  readonly incident: string;
  readonly title: string;
  readonly fingerprint: string;
  readonly identity?: { readonly id: string; readonly kind: string; readonly name: string };
  readonly owner?: string;
  readonly repositories: readonly string[];
  readonly kind: "accepted-risk" | "false-positive" | "used-in-tests";
  /** `asked` waits for agreement, `expiring` ends within 14 days; `expired` and `ended` are over and the incident went on. */
  readonly state: "asked" | "active" | "expiring" | "expired" | "ended";
  readonly reason: string;
  readonly askedBy: string;
  readonly askedAt: string;
  readonly approvedBy: readonly string[];
  /** Absent for a dismissal, which says that there is no risk. */
  readonly until?: string;
  readonly endedAt?: string;
  /** Why it ended before its date. */
  readonly why?: string;
  /** Still open, or resolved in another way by now. */
  readonly open: boolean;
}

/** Every exception of these incidents: what waits first, then what ends soonest, then what is over, newest first. */
export function exceptionsOf(incidents: readonly ListedIncident[], now: string): ExceptionRow[] {
  return incidents.flatMap((incident) => rowsOf(incident, now)).toSorted(byPressure);
}

const soon = 14 * day;

function rowsOf(incident: ListedIncident, now: string): ExceptionRow[] {
  const { id, credential, identities, owner, repositories, asked, acceptance, dismissal, lapsed = [], resolution, state } = incident;
  const [identity] = identities;
  const base = {
    incident: id,
    title: credential.title,
    fingerprint: credential.fingerprint,
    ...(identity === undefined ? {} : { identity: { id: identity.id, kind: identity.kind, name: identity.name } }),
    ...(owner === undefined ? {} : { owner }),
    repositories,
    open: state === "open",
  };
  const risk = ({ by, reason, at, until }: Omit<Acceptance, "approvers" | "people">) =>
    ({ ...base, kind: "accepted-risk", reason, askedBy: by, askedAt: at, until }) as const;
  const rows: ExceptionRow[] = lapsed.map((one) => ({
    ...risk(one),
    state: one.why === "expired" ? "expired" : "ended",
    approvedBy: one.approvers,
    endedAt: one.endedAt,
    ...(one.why === "expired" ? {} : { why: one.why }),
  }));
  if (asked !== undefined) rows.push({ ...risk(asked), state: "asked", approvedBy: asked.agreed.map(({ by }) => by) });
  if (acceptance !== undefined && resolution === "wont_fix") {
    const left = Date.parse(acceptance.until) - Date.parse(now);
    rows.push({
      ...risk(acceptance),
      state: left <= 0 ? "expired" : left <= soon ? "expiring" : "active",
      approvedBy: acceptance.approvers,
    });
  }
  if (dismissal !== undefined && (resolution === "false_positive" || resolution === "used_in_tests"))
    rows.push({
      ...base,
      kind: resolution === "false_positive" ? "false-positive" : "used-in-tests",
      state: "active",
      reason: dismissal.reason,
      askedBy: dismissal.by,
      askedAt: dismissal.at,
      approvedBy: [],
    });
  return rows;
}

const pressure = { asked: 0, expiring: 1, active: 2, expired: 3, ended: 3 } as const;

function byPressure(a: ExceptionRow, b: ExceptionRow): number {
  const [first, second] = [a.endedAt ?? a.until ?? "9", b.endedAt ?? b.until ?? "9"];
  const order = first < second ? -1 : first > second ? 1 : a.incident < b.incident ? -1 : 1;
  return pressure[a.state] - pressure[b.state] || (pressure[a.state] === 3 ? -order : order);
}

/** The incidents that an exception is about: one by its id, all of a fingerprint, or the open ones of an identity. */
export function targetsOf<T extends Pick<Incident, "id" | "state" | "credential" | "identities">>(
  incidents: readonly T[],
  target: string,
): T[] {
  if (/^fp\d+:/.test(target)) return incidents.filter(({ credential, state }) => state === "open" && credential.fingerprint === target);
  return incidents.filter(({ id, state, identities }) => id === target || (state === "open" && identities[0]?.id === target));
}

function plain(person: string): string {
  return person.trim().replace(/^@/, "").toLowerCase();
}

function unique(people: readonly string[]): string[] {
  return [...new Set(people.map(plain))];
}
