import { type Framework, type FrameworkId, frameworks } from "./frameworks.ts";
import { acknowledgement, type GovernanceInput, ownership, timeliness } from "./overview.ts";

/**
 * What a fact says about an entry. `detects`: Rekey finds the weakness, and finding it is not a failure of the control that found it.
 * `mitigates`: it is ended. `evidence-for`: the outcome is done, as far as the numbers go.
 */
export type Relation = "detects" | "mitigates" | "evidence-for";

/** One thing that Rekey knows, in numbers. */
export interface Fact {
  readonly id: FactId;
  readonly sentence: string;
  /** How many are as they should be, out of how many. `of` = 0: nothing to look at yet, which is evidence for nothing. */
  readonly done: number;
  readonly of: number;
  /** The page with the list. */
  readonly list: string;
}

type FactId = keyof typeof mapping;

/** Which entries a fact speaks to, and how. A starter set of our own; OWASP and NIST publish no such map. */
const mapping = {
  inventory: {
    "evidence-for": ["ID.AM-02", "GOVERN 1.6"],
    detects: ["ASI10"],
  },
  owners: { "evidence-for": ["GV.RR-02", "PR.AA-01", "GOVERN 2.1"], mitigates: ["NHI1"] },
  found: { detects: ["ASI03", "NHI2", "LLM02", "PR.DS-01"], "evidence-for": ["DE.AE-02", "MEASURE 2.7"] },
  ended: {
    mitigates: ["ASI03", "NHI2", "NHI7", "LLM02"],
    "evidence-for": ["RS.MI-01", "RS.MI-02", "PR.AA-01", "MANAGE 1.3", "MANAGE 2.4"],
  },
  triaged: { "evidence-for": ["RS.MA-02", "MANAGE 4.3"] },
  linked: { "evidence-for": ["DE.AE-03", "GOVERN 4.3"] },
  reviewed: { "evidence-for": ["PR.AA-05", "GOVERN 1.5"], mitigates: ["NHI5", "ASI03"] },
  withdrawn: { mitigates: ["NHI1", "ASI10"], "evidence-for": ["ID.AM-08", "GOVERN 1.7"] },
  standing: { detects: ["NHI7", "NHI5", "ASI03"] },
  shared: { detects: ["NHI9", "ASI08"] },
  human: { detects: ["NHI10", "ASI09"] },
  injected: { detects: ["ASI01", "LLM01", "DE.AE-02"] },
  misused: { detects: ["ASI02", "LLM06"] },
  sent: { detects: ["LLM02"] },
  strayed: { detects: ["ASI10"] },
  runtime: { "evidence-for": ["RS.MA-02", "MANAGE 4.3"] },
  exceptions: { "evidence-for": ["ID.RA-07", "MANAGE 1.3"] },
  controls: { "evidence-for": ["GV.RR-02", "GOVERN 2.1", "MAP 4.2"] },
  coverage: { "evidence-for": ["DE.CM-09", "MEASURE 2.4", "MANAGE 4.1"] },
  log: { "evidence-for": ["RS.AN-06", "RS.AN-07"] },
} as const satisfies Readonly<Record<string, Readonly<Partial<Record<Relation, readonly string[]>>>>>;

export interface EvidenceEntry {
  readonly id: string;
  readonly title: string;
  readonly evidence: readonly (Fact & { readonly relation: Relation })[];
}

export interface EvidenceReport {
  readonly version: 1;
  readonly at: string;
  readonly framework: Pick<Framework, "id" | "name" | "version" | "url" | "partial">;
  readonly entries: readonly EvidenceEntry[];
  /** Entries about which something is known, out of all that are listed. */
  readonly with: number;
}

/** What Rekey knows that is evidence for the entries of a framework; never that one is met. */
export function evidenceReport(id: FrameworkId, facts: readonly Fact[], at: string): EvidenceReport {
  const { entries, ...framework } = frameworks[id];
  const known = facts.filter(({ of }) => of > 0);
  const listed = Object.entries(entries).map(([entry, title]): EvidenceEntry => {
    const evidence = known.flatMap((fact) => relationsOf(fact.id, entry).map((relation) => ({ ...fact, relation })));
    return { id: entry, title, evidence };
  });
  return { version: 1, at, framework, entries: listed, with: listed.filter(({ evidence }) => evidence.length > 0).length };
}

/** Every entry that the map names, for the test that each of them exists. */
export function mappedEntries(): string[] {
  return [...new Set(Object.values(mapping).flatMap((relations) => Object.values(relations).flat()))];
}

function relationsOf(fact: FactId, entry: string): Relation[] {
  const relations: Readonly<Partial<Record<Relation, readonly string[]>>> = mapping[fact];
  return (["evidence-for", "mitigates", "detects"] as const).filter((relation) => relations[relation]?.includes(entry) === true);
}

/** The facts, as numbers with their sentence. `logged` = how many stand in the hash-chained log. */
export function factsOf(input: GovernanceInput, { logged, cells }: { logged: number; cells: number }): Fact[] {
  const { identities, incidents, items, campaigns, exceptions, gaps, uncovered, now } = input;
  const leaks = incidents.filter(
    ({ cause, kind, resolution }) =>
      cause === undefined && kind === undefined && resolution !== "false_positive" && resolution !== "used_in_tests",
  );
  const events = incidents.filter(({ kind, resolution }) => kind !== undefined && resolution !== "false_positive");
  const dead = leaks.filter(({ death }) => death !== undefined).length;
  const words = leaks.flatMap((incident) => acknowledgement(incident, input) ?? []).filter((word) => word !== "not-yet");
  const inTime = words.filter((word) => word === "owner" || word === "somebody").length;
  const { onTime, late, overdue } = timeliness(items, campaigns, now);
  const denied = items.filter(({ state }) => state === "denied" || state === "verified");
  const gone = denied.filter(({ state }) => state === "verified").length;
  const lifetimes = identities.filter(({ lifetime }) => lifetime !== "unknown");
  const risks = exceptions.filter(({ kind }) => kind === "accepted-risk");
  const approved = risks.filter(({ approvedBy, until }) => until !== undefined && approvedBy.length > 0).length;
  const owned = identities.filter((one) => ownership(one) === "accepted").length;
  const withIdentity = leaks.filter((incident) => incident.identities.length > 0).length;
  const fact = (id: FactId, list: string, done: number, of: number, sentence: string): Fact => ({ id, sentence, done, of, list });
  const all = identities.length;
  return [
    fact("inventory", "/governance/owners", all, all, `${all} AI identities are in the inventory, read from default branches`),
    fact("owners", "/governance/owners", owned, all, `${owned} of ${all} identities have an owner that people wrote down`),
    fact("found", "/incidents", leaks.length, leaks.length, `${leaks.length} leaked credentials were found and judged`),
    fact("ended", "/incidents?resolution=revoked", dead, leaks.length, `${dead} of ${leaks.length} leaked credentials are proven dead`),
    fact(
      "triaged",
      "/governance/acknowledged",
      inTime,
      words.length,
      `${inTime} of ${words.length} new leaks were acknowledged within a day`,
    ),
    fact(
      "linked",
      "/incidents",
      withIdentity,
      leaks.length,
      `${withIdentity} of ${leaks.length} leaks are linked to the identity behind them`,
    ),
    fact(
      "reviewed",
      "/governance/reviewed",
      onTime.length,
      onTime.length + late.length + overdue.length,
      `${onTime.length} of ${onTime.length + late.length + overdue.length} review items that were due were decided on time`,
    ),
    fact("withdrawn", "/reviews", gone, denied.length, `${gone} of ${denied.length} denied accesses are proven gone`),
    fact(
      "standing",
      "/governance/standing",
      lifetimes.filter(({ lifetime }) => lifetime !== "standing").length,
      lifetimes.length,
      `${lifetimes.filter(({ lifetime }) => lifetime === "standing").length} of ${lifetimes.length} identities whose access has a known lifetime have standing access`,
    ),
    fact(
      "shared",
      "/incidents",
      ...ratio(leaks, ({ identities: own }) => own.length < 2, "leaked credentials were used by one identity only"),
    ),
    fact("human", "/governance/owners", ...ratio(identities, ({ kind }) => kind !== "human-token", "identities use no token of a person")),
    ...runtimeFacts.map(([id, kind, what]) => {
      const own = events.filter((incident) => incident.kind === kind);
      const ended = own.filter(({ state }) => state === "resolved").length;
      return fact(id, "/incidents", ended, own.length, `${own.length} ${what} were reported at runtime, ${ended} of them are ended`);
    }),
    fact(
      "runtime",
      "/incidents",
      ...ratio(events, ({ identities: own }) => own.length > 0, "runtime events are linked to the identity behind them"),
    ),
    fact(
      "exceptions",
      "/exceptions",
      approved,
      risks.length,
      `${approved} of ${risks.length} accepted risks have an end and a second person`,
    ),
    fact(
      "controls",
      "/governance/controls",
      cells - gaps.filter(({ gap }) => gap === "no-owner").length,
      cells,
      controlSentence(cells, gaps),
    ),
    fact(
      "coverage",
      "/governance/coverage",
      all - uncovered.length,
      all,
      `${all - uncovered.length} of ${all} identities are covered in each phase`,
    ),
    fact("log", "/audit", logged, logged, `${logged} events stand in a hash-chained log (rekey audit verify proves it)`),
  ];
}

const runtimeFacts = [
  ["injected", "prompt-injection", "prompt injections"],
  ["misused", "unsafe-tool-use", "unsafe uses of tools"],
  ["sent", "data-leakage", "leaks of data"],
  ["strayed", "policy-violation", "violations of policy"],
] as const;

function ratio<T>(all: readonly T[], good: (one: T) => boolean, what: string): [done: number, of: number, sentence: string] {
  const done = all.filter(good).length;
  return [done, all.length, `${done} of ${all.length} ${what}`];
}

function controlSentence(cells: number, gaps: GovernanceInput["gaps"]): string {
  return `${cells - gaps.filter(({ gap }) => gap === "no-owner").length} of ${cells} controls in a phase have an owner, or a reason for none`;
}
