/** Days from 1970-01-01 to the first of each month of the years that were asked for. */
const months = new Map<number, number>();

/**
 * Milliseconds of a moment in ISO 8601 UTC. Events hold `2026-03-02T10:01:00.000Z`, which is read ten times as fast as `Date.parse` does: a page
 * about 50,000 incidents reads half a million of them. Everything else is left to `Date.parse`.
 */
export function millisecondsOf(iso: string): number {
  if (iso.length !== 24 || iso.charCodeAt(10) !== 84 || iso.charCodeAt(23) !== 90 || iso.charCodeAt(19) !== 46) return Date.parse(iso);
  const month = 100 * two(iso, 0) + two(iso, 2);
  const day = two(iso, 8);
  const key = 100 * month + two(iso, 5);
  let first = months.get(key);
  if (first === undefined) {
    first = Date.parse(`${iso.slice(0, 7)}-01T00:00:00.000Z`) / 86_400_000;
    months.set(key, first);
  }
  const seconds = 3600 * two(iso, 11) + 60 * two(iso, 14) + two(iso, 17);
  const milliseconds = 10 * two(iso, 20) + iso.charCodeAt(22) - 48;
  return (first + day - 1) * 86_400_000 + 1000 * seconds + milliseconds;
}

/** Two digits. */
function two(text: string, at: number): number {
  return 10 * text.charCodeAt(at) + text.charCodeAt(at + 1) - 528;
}
