/** How a playbook did on a connection, as every plan shows it. */
export interface TrackRecord {
  /** Approved runs of exactly this playbook that ended without ever waiting for a person. */
  readonly runs: number;
  readonly rehearsal?: RehearsalSummary;
  /** The leaked credential is one that Rekey made: the run, and when. */
  readonly regression?: { readonly run: string; readonly at: string };
}

export interface RehearsalSummary {
  readonly passed: boolean;
  /** ISO 8601 UTC. */
  readonly at: string;
  readonly seconds: number;
  /** Calls of the test consumer, and how many of them failed. */
  readonly calls: number;
  readonly failedCalls: number;
}

/** For the dry run, one line each. */
export function trackRecordLines({ runs, rehearsal, regression }: TrackRecord): string[] {
  const rehearsed =
    rehearsal === undefined
      ? "never rehearsed here"
      : `rehearsal ${rehearsal.passed ? "passed" : "failed"} on ${rehearsal.at.slice(0, 10)} in ${Math.round(rehearsal.seconds)} s, ${rehearsal.failedCalls} of ${rehearsal.calls} calls failed`;
  return [
    `${rehearsed}; ${runs} approved ${runs === 1 ? "run" : "runs"} without a hold`,
    ...(regression === undefined
      ? []
      : [`the credential was made by ${regression.run} on ${regression.at.slice(0, 10)} and leaked again: find what leaks it`]),
  ];
}
