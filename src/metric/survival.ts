/** How long one credential stayed usable, and whether its end was seen (`observed`) or only that it lasted at least so long. */
export interface Duration {
  readonly ms: number;
  readonly observed: boolean;
}

/** The estimate from `ms` on, until the next step. */
export interface Step {
  readonly ms: number;
  /** Still followed just before `ms`. */
  readonly atRisk: number;
  /** Ended at `ms`. */
  readonly events: number;
  /** Followed no longer than `ms`. */
  readonly censored: number;
  /** Share still alive after `ms`, 0 to 1. */
  readonly survival: number;
  /** 95 % interval (log-log); undefined where the estimate is 0 or 1 and has none. */
  readonly low?: number;
  readonly high?: number;
}

export interface Survival {
  readonly n: number;
  readonly events: number;
  /** One per distinct time, rising; events and censorings alike. */
  readonly steps: readonly Step[];
  /** Milliseconds; undefined while more than half are alive. */
  readonly median?: number;
  /** 95 % interval of the median; an absent bound is not reached by the data. */
  readonly interval: { readonly low?: number; readonly high?: number };
}

/** 97.5 % quantile of the normal distribution. */
const z = 1.959963984540054;
/** Products of fractions miss one half by a few ulp. */
const tolerance = 1e-10;

/**
 * The Kaplan–Meier estimate with Greenwood's variance and log-log intervals (Kalbfleisch and Prentice 1980), and the
 * median with its interval by Brookmeyer and Crowley 1982. Of a tie, ends come before censorings. Throws RangeError for a
 * duration that is negative or not a number.
 */
export function kaplanMeier(durations: readonly Duration[]): Survival {
  const wrong = durations.find(({ ms }) => !(ms >= 0) || ms === Number.POSITIVE_INFINITY);
  if (wrong !== undefined) throw new RangeError(`expected a duration of 0 ms or more, got ${wrong.ms}`);
  const steps = estimate(tally(durations));
  const low = crossing(steps, ({ low }) => low ?? Number.NaN);
  const high = crossing(steps, ({ high }) => high ?? Number.NaN);
  const median = crossing(steps, ({ survival }) => survival);
  return {
    n: durations.length,
    events: steps.reduce((sum, { events }) => sum + events, 0),
    steps,
    ...(median === undefined ? {} : { median }),
    interval: { ...(low === undefined ? {} : { low }), ...(high === undefined ? {} : { high }) },
  };
}

/** Share that had ended by `ms`, with its interval; undefined where nobody was followed so long and some were still alive. */
export function shareEndedBy(survival: Survival, ms: number): { share: number; low?: number; high?: number } | undefined {
  const last = survival.steps.at(-1);
  if (last === undefined || (ms > last.ms && last.survival > 0)) return undefined;
  const step = survival.steps.findLast((one) => one.ms <= ms);
  if (step === undefined) return { share: 0 };
  return {
    share: 1 - step.survival,
    ...(step.high === undefined ? {} : { low: 1 - step.high }),
    ...(step.low === undefined ? {} : { high: 1 - step.low }),
  };
}

interface Tally {
  readonly ms: number;
  events: number;
  censored: number;
}

function tally(durations: readonly Duration[]): Tally[] {
  const times = new Map<number, Tally>();
  for (const { ms, observed } of durations) {
    const entry = times.get(ms) ?? { ms, events: 0, censored: 0 };
    if (observed) entry.events += 1;
    else entry.censored += 1;
    times.set(ms, entry);
  }
  return [...times.values()].toSorted((a, b) => a.ms - b.ms);
}

function estimate(times: readonly Tally[]): Step[] {
  let atRisk = times.reduce((sum, { events, censored }) => sum + events + censored, 0);
  let survival = 1;
  let greenwood = 0;
  return times.map(({ ms, events, censored }) => {
    const before = atRisk;
    // A product whose last factor is exactly 0 ends at 0, whatever was rounded before.
    survival *= (before - events) / before;
    greenwood += events / (before * (before - events));
    atRisk -= events + censored;
    return { ms, atRisk: before, events, censored, survival, ...logLog(survival, greenwood) };
  });
}

function logLog(survival: number, greenwood: number): { low: number; high: number } | undefined {
  if (survival <= 0 || survival >= 1) return undefined;
  const width = (z * Math.sqrt(greenwood)) / Math.abs(Math.log(survival));
  return { low: survival ** Math.exp(width), high: survival ** Math.exp(-width) };
}

/** The time by which this share had ended, milliseconds: 0.5 is the median; undefined while fewer have. */
export function quantile({ steps }: Survival, share: number): number | undefined {
  return crossing(steps, ({ survival }) => survival, 1 - share);
}

/** The first time at which the curve is at or below a level; the middle of its flat part if it lies exactly on it. */
function crossing(steps: readonly Step[], curve: (step: Step) => number, level = 0.5): number | undefined {
  const index = steps.findIndex((step) => step.events > 0 && curve(step) <= level + tolerance);
  const step = steps[index];
  if (step === undefined) return undefined;
  if (curve(step) < level - tolerance) return step.ms;
  const next = steps.slice(index + 1).find(({ events }) => events > 0);
  return next === undefined ? step.ms : (step.ms + next.ms) / 2;
}
