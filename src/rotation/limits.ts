import { RefusedError } from "../errors.ts";
import type { Plan } from "../playbook/plan.ts";

/** How much may be rotated at a time. Counts are runs started within an hour. */
export interface Limits {
  readonly runsPerHour: number;
  readonly perProvider: number;
  readonly perIdentity: number;
  /** After so many runs of a provider in a row that stopped on a fault, none of it starts for `coolDown` milliseconds; then one tries. */
  readonly breaker: { readonly failures: number; readonly coolDown: number };
}

/** What decides whether another run may start now. Times are milliseconds since the epoch, by the database's clock. */
export interface Situation {
  readonly now: number;
  readonly paused?: { readonly by: string; readonly reason: string };
  /** Runs that started or ended within a day. */
  readonly recent: readonly PastRun[];
}

export interface PastRun {
  readonly driver: string;
  readonly identity?: string;
  readonly state: "running" | "held" | "done" | "undone" | "failed";
  readonly code?: string;
  readonly startedAt: number;
  readonly endedAt?: number;
}

export interface Limit {
  readonly kind: "paused" | "runs-per-hour" | "provider" | "identity" | "breaker";
  /** Says what is true and until when. */
  readonly sentence: string;
  /** Milliseconds since the epoch; absent = until somebody acts. */
  readonly until?: number;
  /** It binds whatever else waits too, not this plan alone. */
  readonly all: boolean;
}

/** Not now: the request waits and starts by itself, or when somebody resumes. */
export class LimitedError extends RefusedError {
  override name = "LimitedError";
  readonly limit: Limit;

  constructor(limit: Limit) {
    super(limit.sentence);
    this.limit = limit;
  }
}

const hour = 3_600_000;
/** A person stopped these, or must do something that no provider is to blame for. */
const noFault = new Set(["paused", "cancelled", "manual-step", "value-not-recovered", "break-glass"]);

/** What keeps this plan from starting now; undefined = nothing. */
export function limitOf(
  { now, paused, recent }: Situation,
  { driver, facts }: Pick<Plan, "driver" | "facts">,
  limits: Limits,
): Limit | undefined {
  if (paused !== undefined)
    return { kind: "paused", all: true, sentence: `All rotations are paused by ${paused.by} (${paused.reason}); rekey resume ends that` };
  const started = recent.filter(({ startedAt }) => startedAt > now - hour);
  const cap = (kind: Limit["kind"], of: readonly PastRun[], most: number, what: string): Limit | undefined => {
    const oldest = of.toSorted((a, b) => b.startedAt - a.startedAt)[most - 1];
    return oldest === undefined
      ? undefined
      : limit(kind, `The cap of ${most} rotations an hour ${what} is reached`, oldest.startedAt + hour);
  };
  const identity = facts.identity?.id;
  return (
    cap("runs-per-hour", started, limits.runsPerHour, "(policy.caps.runs_per_hour)") ??
    breakerOf(
      now,
      recent.filter((run) => run.driver === driver),
      driver,
      limits,
    ) ??
    cap(
      "provider",
      started.filter((run) => run.driver === driver),
      limits.perProvider,
      `for ${driver} (policy.caps.per_provider)`,
    ) ??
    (identity === undefined
      ? undefined
      : cap(
          "identity",
          started.filter((run) => run.identity === identity),
          limits.perIdentity,
          "for this identity (policy.caps.per_identity)",
        ))
  );
}

/** Open after `failures` faults in a row; half open after the cool-down: one run at a time until one succeeds. */
function breakerOf(now: number, runs: readonly PastRun[], driver: string, { breaker }: Limits): Limit | undefined {
  const ended = runs
    .filter(({ state, code }) => state === "done" || ((state === "held" || state === "failed") && !noFault.has(code ?? "")))
    .toSorted((a, b) => (b.endedAt ?? b.startedAt) - (a.endedAt ?? a.startedAt));
  const success = ended.findIndex(({ state }) => state === "done");
  const faults = success === -1 ? ended : ended.slice(0, success);
  const [last] = faults;
  if (last === undefined || faults.length < breaker.failures) return undefined;
  const until = (last.endedAt ?? last.startedAt) + breaker.coolDown;
  const what = `The last ${faults.length} rotations at ${driver} stopped on a fault (${last.code ?? last.state})`;
  if (now < until) return limit("breaker", what, until);
  const trying = runs.some(({ state, startedAt }) => state === "running" && startedAt > until - breaker.coolDown);
  return trying ? limit("breaker", `${what}, and one run tries whether that is over`, now + 60_000) : undefined;
}

function limit(kind: Limit["kind"], what: string, until: number): Limit {
  const at = `${new Date(until).toISOString().slice(0, 19).replace("T", " ")} UTC`;
  return { kind, all: kind === "runs-per-hour", until, sentence: `${what}; it starts by itself, not before ${at}` };
}
