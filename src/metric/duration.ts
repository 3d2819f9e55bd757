const units: readonly [ms: number, name: string][] = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
  [1000, "s"],
];

/** `0.4 s`, `42 s`, `7 min 5 s`, `3 h 12 min`, `12 d 4 h`: two units at most. */
export function formatDuration(ms: number): string {
  if (ms < 10_000) return `${Math.round(ms / 100) / 10} s`;
  // Rounded to the smaller of the two units that are shown, so that 59 min 59.9 s is 1 h.
  const shown = units.findIndex(([unit]) => ms >= unit);
  const smallest = units[Math.min(shown + 1, units.length - 1)]?.[0] ?? 1000;
  const rounded = Math.round(ms / smallest) * smallest;
  const first = units.findIndex(([unit]) => rounded >= unit);
  const parts: string[] = [];
  let rest = rounded;
  for (const [unit, name] of units.slice(first, first + 2)) {
    const count = Math.floor(rest / unit);
    rest -= count * unit;
    if (count > 0) parts.push(`${count} ${name}`);
  }
  return parts.join(" ");
}

/** `18 %` of 0.18; one decimal under 10 and over 90 unless it is exact. */
export function formatShare(share: number): string {
  const percent = share * 100;
  const exact = Math.abs(percent - Math.round(percent)) < 0.05;
  return `${exact || (percent >= 10 && percent <= 90) ? Math.round(percent) : percent.toFixed(1)} %`;
}
