/**
 * A name from a file, fit to be kept: whoever pastes a key into a name field, a reference or a pointer's part must not see it
 * again in a graph, a finding or a log. A run of 20 letters and digits with two of each is taken for a value.
 */
export function withoutValues(name: string): string {
  return name.replace(/[A-Za-z0-9]{20,}/g, (run) => (looksRandom(run) ? "…" : run));
}

/** Whether a name holds nothing that could be a value. */
export function isPlainName(name: string): boolean {
  return withoutValues(name) === name;
}

function looksRandom(run: string): boolean {
  return run.replace(/\D/g, "").length >= 2 && run.replace(/\d/g, "").length >= 2;
}
