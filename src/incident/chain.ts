import { compareGrades, type Grade, type Severity } from "../finding.ts";
import type { IncidentFacts } from "./fold.ts";
import { type IncidentKind, isCredential, kindOf } from "./runtime.ts";
import { compareSeverities } from "./severity.ts";

/** Another incident of the same identity, near in time, of which at least one is a runtime event. */
export interface ChainLink {
  readonly incident: string;
  readonly kind: IncidentKind;
  readonly title: string;
  readonly severity: Severity;
  readonly state: "open" | "resolved";
  /** ISO 8601 UTC: when a runtime event happened, or a leak was detected. */
  readonly at: string;
  /** One sentence on what ties them. */
  readonly why: string;
  /** Whom both are about, by the strongest evidence that both have; absent where only the credential ties them. */
  readonly identity?: { readonly id: string; readonly kind: string; readonly name: string };
  /** The weaker of the two links to the identity. Only `confirmed` makes one of the two incidents. */
  readonly grade: Grade;
}

/** What may belong together. `merged` are one matter: one owner, one severity. `possible` are shown, and nothing follows from them. */
export interface Chain {
  /** Confirmed, also through each other; the earliest first. */
  readonly merged: readonly ChainLink[];
  /** Not confirmed: a source said the name, or a name fits. The strongest first. */
  readonly possible: readonly ChainLink[];
  /** Of the incident and all merged: of the strongest identity that has one, the earliest where they are equal. */
  readonly owner?: string;
  /** The worst of the incident and all merged. */
  readonly severity: Severity;
}

/** At most so many of each kind of link are named. */
const most = 50;

/**
 * The chain of an incident. A leaked key and an injection on one identity within the window (milliseconds) are one matter, and so are two runtime
 * events; two leaked keys are not: each has its own clock.
 */
export function chainOf(incident: IncidentFacts, all: readonly IncidentFacts[], window: number): Chain {
  const byIdentity = Map.groupBy(
    all.flatMap((one) => one.identities.map(({ id }) => ({ id, one }))),
    ({ id }) => id,
  );
  const byCredential = Map.groupBy(
    all.filter(({ usedCredential }) => usedCredential !== undefined),
    ({ usedCredential }) => usedCredential?.incident,
  );
  const neighbours = (of: IncidentFacts) => {
    const near = new Map<string, { one: IncidentFacts; link: ChainLink }>();
    const candidates = [
      ...of.identities.flatMap(({ id }) => byIdentity.get(id) ?? []).map(({ one }) => one),
      ...(byCredential.get(of.id) ?? []),
      ...(of.usedCredential === undefined ? [] : all.filter(({ id }) => id === of.usedCredential?.incident)),
    ];
    for (const one of candidates) {
      const link = one.id === of.id || near.has(one.id) ? undefined : linkOf(of, one, window);
      if (link !== undefined) near.set(one.id, { one, link });
    }
    return [...near.values()];
  };
  const merged = new Map<string, { one: IncidentFacts; link: ChainLink }>();
  const waiting = [incident];
  for (let next = waiting.pop(); next !== undefined && merged.size < most; next = waiting.pop())
    for (const found of neighbours(next)) {
      const { id } = found.one;
      if (found.link.grade !== "confirmed" || id === incident.id || merged.has(id)) continue;
      merged.set(id, found);
      waiting.push(found.one);
    }
  const possible = neighbours(incident)
    .filter(({ one }) => !merged.has(one.id))
    .map(({ link }) => link)
    .toSorted((a, b) => compareGrades(a.grade, b.grade) || compareText(b.at, a.at));
  const members = [incident, ...[...merged.values()].map(({ one }) => one)];
  const owner = ownerOf(members);
  return {
    merged: [...merged.values()].map(({ link }) => link).toSorted((a, b) => compareText(a.at, b.at)),
    possible: possible.slice(0, most),
    ...(owner === undefined ? {} : { owner }),
    severity: members.map(({ severity }) => severity).toSorted(compareSeverities)[0] ?? incident.severity,
  };
}

function linkOf(a: IncidentFacts, b: IncidentFacts, window: number): ChainLink | undefined {
  if (isCredential(a) && isCredential(b)) return undefined;
  if (isDismissed(a) || isDismissed(b)) return undefined;
  if (Math.abs(Date.parse(momentOf(a)) - Date.parse(momentOf(b))) > window) return undefined;
  const used = a.usedCredential?.incident === b.id || b.usedCredential?.incident === a.id;
  const shared = a.identities
    .flatMap((identity) => {
      const other = b.identities.find(({ id }) => id === identity.id);
      if (other === undefined) return [];
      const weaker = compareGrades(identity.grade as Grade, other.grade as Grade) >= 0 ? identity.grade : other.grade;
      return [{ identity, grade: weaker as Grade }];
    })
    .toSorted((x, y) => compareGrades(x.grade, y.grade));
  const [best] = shared;
  if (best === undefined && !used) return undefined;
  const { severity, state, credential } = b;
  return {
    incident: b.id,
    kind: kindOf(b),
    title: credential.title,
    severity,
    state,
    at: momentOf(b),
    ...(best === undefined ? {} : { identity: { id: best.identity.id, kind: best.identity.kind, name: best.identity.name } }),
    grade: used ? "confirmed" : (best?.grade ?? "weak"),
    why: used ? "the gateway named the hash of the very key that leaked" : `both are about ${best?.identity.kind} ${best?.identity.name}`,
  };
}

/** A runtime event happened when its source says; a leak counts from its detection, since history can be years old. */
function momentOf({ kind, clock }: IncidentFacts): string {
  return kind === undefined ? clock.detected : clock.exposed;
}

function isDismissed({ resolution }: IncidentFacts): boolean {
  return resolution === "false_positive" || resolution === "used_in_tests";
}

function ownerOf(members: readonly IncidentFacts[]): string | undefined {
  const owned = members.flatMap((member) =>
    member.identities.flatMap(({ owner, grade }) => (owner === undefined ? [] : [{ owner, grade: grade as Grade, at: momentOf(member) }])),
  );
  return owned.toSorted((a, b) => compareGrades(a.grade, b.grade) || compareText(a.at, b.at))[0]?.owner;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
