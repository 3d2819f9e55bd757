interface Row {
  readonly state: string;
  readonly kilobytes: number;
  readonly found?: number;
}

/** How far the history is looked through, in a sentence. */
export function backfillSummary(rows: readonly Row[]): string {
  if (rows.length === 0) return "No repository is known yet: install the App on some.";
  const done = rows.filter(({ state }) => state === "done");
  const of = (state: string) => rows.filter((row) => row.state === state).length;
  const parts = [
    [of("running"), "being read"],
    [of("waiting"), "waiting"],
    [of("asked"), "not started (rekey backfill estimate, then start)"],
    [of("failed"), "failed"],
  ].flatMap(([count, word]) => (count === 0 ? [] : [`${count} ${word}`]));
  const megabytes = (list: readonly Row[]) => Math.round(list.reduce((sum, { kilobytes }) => sum + kilobytes, 0) / 1024);
  const found = done.reduce((sum, row) => sum + (row.found ?? 0), 0);
  return `The history of ${done.length} of ${rows.length} ${rows.length === 1 ? "repository" : "repositories"} is looked through (${megabytes(done)} of ${megabytes(rows)} MB, ${found} places with a credential)${parts.length === 0 ? "" : `; ${parts.join(", ")}`}.`;
}
