import type { IncidentFacts } from "../incident/fold.ts";
import type { ControlGap } from "./controls.ts";
import type { Coverage, CoveredIdentity } from "./coverage.ts";
import type { ExceptionRow } from "./exception.ts";
import { type Campaign, type Item, isDone, type Lifetime } from "./review.ts";

const day = 86_400_000;
/** How soon somebody is expected to do something about a leak: milliseconds from detected. */
export const acknowledgeWithin = day;

export interface GovernedIdentity extends CoveredIdentity {
  readonly ownerBy?: string;
  readonly lifetime: Lifetime;
}

/** A number of the governance row, out of how many, and whether it calls for something. */
export interface Tile {
  readonly id: TileId;
  readonly title: string;
  readonly value: string;
  readonly note: string;
  readonly calls: boolean;
}

export const tileIds = ["owners", "reviewed", "overdue", "standing", "exceptions", "acknowledged", "controls", "coverage"] as const;
export type TileId = (typeof tileIds)[number];

export interface GovernanceInput {
  readonly identities: readonly GovernedIdentity[];
  readonly campaigns: readonly Campaign[];
  readonly items: readonly Item[];
  readonly exceptions: readonly ExceptionRow[];
  readonly incidents: readonly IncidentFacts[];
  readonly gaps: readonly ControlGap[];
  /** Whether a file of controls is there at all. */
  readonly controls: boolean;
  readonly uncovered: Coverage["uncovered"];
  /** Logins behind an owner such as `@acme/agents`; empty where it could not be asked. */
  readonly peopleOf: (owner: string) => readonly string[];
  /** ISO 8601 UTC. */
  readonly now: string;
}

/** Declared = people wrote it down; inferred = CODEOWNERS or a catalogue says it; none = nobody. */
export function ownership({ owner, ownerBy }: GovernedIdentity): "accepted" | "inferred" | "none" {
  return owner === undefined ? "none" : ownerBy === "declared" ? "accepted" : "inferred";
}

export interface Timeliness {
  readonly onTime: readonly Item[];
  readonly late: readonly Item[];
  /** Past the campaign's end and still without a decision that counts. */
  readonly overdue: readonly Item[];
  /** Not due yet. */
  readonly ahead: readonly Item[];
}

/** A denied item was decided when it was denied; that it is gone comes later. */
export function timeliness(items: readonly Item[], campaigns: readonly Campaign[], now: string): Timeliness {
  const due = new Map(campaigns.map(({ id, dueAt }) => [id, dueAt]));
  const parts = { onTime: [] as Item[], late: [] as Item[], overdue: [] as Item[], ahead: [] as Item[] };
  for (const item of items) {
    const end = due.get(item.campaign);
    if (end === undefined) continue;
    const decided = isDone(item.state) || item.state === "denied" ? item.decisions.at(-1)?.at : undefined;
    if (decided === undefined) (now > end ? parts.overdue : parts.ahead).push(item);
    else (decided <= end ? parts.onTime : parts.late).push(item);
  }
  return parts;
}

/** Overdue items by owner, the most first. */
export function overdueByOwner(items: readonly Item[]): readonly { readonly owner: string | undefined; readonly items: readonly Item[] }[] {
  return [...Map.groupBy(items, ({ snapshot }) => snapshot.identity.owner)]
    .map(([owner, own]) => ({ owner, items: own }))
    .toSorted((a, b) => b.items.length - a.items.length || ((a.owner ?? "") < (b.owner ?? "") ? -1 : 1));
}

export type Acknowledgement = "owner" | "somebody" | "late" | "not-yet" | "never";

/** Who did something first, and how soon. `not-yet` still has time; undefined = not counted: found in history, or dismissed. */
export function acknowledgement(
  incident: IncidentFacts,
  { now, peopleOf }: Pick<GovernanceInput, "now" | "peopleOf">,
): Acknowledgement | undefined {
  const { clock, preExisting, resolution, cause, owner, acknowledgedBy, state } = incident;
  if (preExisting || resolution === "false_positive" || resolution === "used_in_tests" || cause === "review") return undefined;
  const spent = Date.parse(clock.acknowledged ?? now) - Date.parse(clock.detected);
  if (clock.acknowledged === undefined) return state === "resolved" ? undefined : spent <= acknowledgeWithin ? "not-yet" : "never";
  if (spent > acknowledgeWithin) return "late";
  const by = acknowledgedBy?.toLowerCase();
  const people = owner === undefined ? [] : [owner, ...peopleOf(owner)].map((name) => name.replace(/^@/, "").toLowerCase());
  return by !== undefined && people.includes(by) ? "owner" : "somebody";
}

/** The governance row, in the order in which somebody in charge asks. */
export function governanceTiles(input: GovernanceInput): Tile[] {
  const { identities, exceptions, gaps, uncovered } = input;
  const owned = identities.filter((one) => ownership(one) === "accepted").length;
  const unowned = identities.filter((one) => ownership(one) === "none").length;
  const { onTime, late, overdue } = timeliness(input.items, input.campaigns, input.now);
  const due = onTime.length + late.length + overdue.length;
  const life = (lifetime: Lifetime) => identities.filter((one) => one.lifetime === lifetime).length;
  const standing = life("standing");
  const risks = exceptions.filter(({ kind }) => kind === "accepted-risk");
  const open = risks.filter(({ state }) => state === "active" || state === "expiring").length;
  const lapsed = risks.filter(({ state, open: still }) => state === "expired" && still).length;
  const words = input.incidents.flatMap((incident) => acknowledgement(incident, input) ?? []);
  const counted = words.filter((word) => word !== "not-yet");
  const byOwner = words.filter((word) => word === "owner").length;
  const never = words.filter((word) => word === "never").length;
  const without = gaps.filter(({ gap }) => gap === "no-owner").length;
  return [
    {
      id: "owners",
      title: "Identities with an accepted owner",
      value: `${owned} of ${identities.length}`,
      note: `${identities.length - owned - unowned} inferred, ${unowned} without any`,
      calls: owned < identities.length,
    },
    {
      id: "reviewed",
      title: "Reviewed on time",
      value: due === 0 ? "none due" : `${onTime.length} of ${due}`,
      note: due === 0 ? "no review has ended yet" : `${late.length} late, ${overdue.length} not decided`,
      calls: onTime.length < due,
    },
    {
      id: "overdue",
      title: "Overdue reviews",
      value: String(overdue.length),
      note:
        overdue.length === 0
          ? "nobody is waited for"
          : `${overdueByOwner(overdue).length} ${plural(overdueByOwner(overdue).length, "owner")} to ask`,
      calls: overdue.length > 0,
    },
    {
      id: "standing",
      title: "Standing access",
      value: `${standing} of ${identities.length}`,
      note: `${life("temporary")} temporary, ${life("inherited") + life("delegated")} inherited or delegated, ${life("unknown")} unknown`,
      calls: standing > 0,
    },
    {
      id: "exceptions",
      title: "Accepted risks",
      value: String(open),
      note: `${risks.filter(({ state }) => state === "expiring").length} end within 14 days, ${risks.filter(({ state }) => state === "asked").length} asked for, ${lapsed} expired and open again`,
      calls: risks.some(({ state }) => state === "expiring" || state === "asked") || lapsed > 0,
    },
    {
      id: "acknowledged",
      title: "Acknowledged by the owner within a day",
      value: counted.length === 0 ? "none yet" : `${byOwner} of ${counted.length}`,
      note: `${words.filter((word) => word === "somebody").length} by somebody else, ${words.filter((word) => word === "late").length} late, ${never} by nobody`,
      calls: never > 0,
    },
    {
      id: "controls",
      title: "Controls without an owner",
      value: input.controls ? String(without) : "not written down",
      note: input.controls ? `${gaps.length - without} hang on one person` : "governance.controls in rekey.yml",
      calls: gaps.length > 0,
    },
    {
      id: "coverage",
      title: "Identities that no source covers",
      value: `${uncovered.length} of ${identities.length}`,
      note: "at build time, at runtime or when they must end",
      calls: uncovered.length > 0,
    },
  ];
}

function plural(many: number, word: string): string {
  return many === 1 ? word : `${word}s`;
}
