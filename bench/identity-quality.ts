/**
 * `node bench/identity-quality.ts [--misses]`: how right the identity graph is, on repositories in test/identity/fixtures whose true graph
 * people wrote down. An edge counts as right in its grade where the true one deserves that grade or a better one. `--misses` lists the rest.
 */
import { loadRuleset } from "../src/config/detectors.ts";
import { compareGrades, type Grade } from "../src/finding.ts";
import { fixtureNames, readFixture, type TrueEdge } from "../test/identity/fixture.ts";

const grades: readonly Grade[] = ["confirmed", "strong", "moderate", "weak"];
const wantsMisses = process.argv.includes("--misses");
const ruleset = await loadRuleset();
const tally = { edges: newTally(), links: newTally() };

const repositories = fixtureNames();
for (const name of repositories) {
  const { graph, links, expected, expectedLinks } = readFixture(name, ruleset);
  count(tally.edges, name, best(graph.edges), expected);
  if (expectedLinks !== undefined) count(tally.links, `${name} (link)`, best(links), expectedLinks);
}
console.log(`${repositories.length} repositories`);
print("edges of the graph", tally.edges);
print("links from a finding to an identity", tally.links);

interface Tally {
  readonly output: Record<Grade, number>;
  readonly right: Record<Grade, number>;
  readonly true: Record<Grade, number>;
  readonly found: Record<Grade, number>;
  readonly misses: string[];
}

function newTally(): Tally {
  const zero = () => ({ confirmed: 0, strong: 0, moderate: 0, weak: 0 });
  return { output: zero(), right: zero(), true: zero(), found: zero(), misses: [] };
}

function count(into: Tally, name: string, output: ReadonlyMap<string, TrueEdge>, expected: readonly TrueEdge[]): void {
  const truth = best(expected);
  for (const [key, edge] of output) {
    into.output[edge.grade]++;
    const deserved = truth.get(key)?.grade;
    if (deserved !== undefined && compareGrades(edge.grade, deserved) >= 0) into.right[edge.grade]++;
    else into.misses.push(`${name}: ${deserved === undefined ? "wrong" : `only ${deserved}`}: ${key} ${edge.grade}`);
  }
  for (const [key, edge] of truth) {
    into.true[edge.grade]++;
    const got = output.get(key)?.grade;
    if (got !== undefined && compareGrades(got, edge.grade) <= 0) into.found[edge.grade]++;
    else into.misses.push(`${name}: ${got === undefined ? "missed" : `found as ${got}`}: ${key} ${edge.grade}`);
  }
}

/** One edge for each pair and relation, by its best grade. */
function best(edges: readonly TrueEdge[]): Map<string, TrueEdge> {
  const found = new Map<string, TrueEdge>();
  for (const edge of edges) {
    const key = `${edge.from} ${edge.relation} ${edge.to}`;
    const known = found.get(key);
    if (known === undefined || compareGrades(edge.grade, known.grade) < 0) found.set(key, edge);
  }
  return found;
}

function print(title: string, { output, right, true: real, found, misses }: Tally): void {
  console.log(`\n${title}\n  grade       output  right  precision   true  found  recall`);
  for (const grade of grades) {
    const cells = [output[grade], right[grade]].map((value) => String(value).padStart(7)).join("");
    const more = [real[grade], found[grade]].map((value) => String(value).padStart(7)).join("");
    console.log(`  ${grade.padEnd(10)}${cells}${share(right[grade], output[grade])}${more}${share(found[grade], real[grade])}`);
  }
  if (wantsMisses) for (const miss of misses) console.log(`  ${miss}`);
  else if (misses.length > 0) console.log(`  ${misses.length} misses; --misses lists them`);
}

function share(part: number, whole: number): string {
  return (whole === 0 ? "—" : `${((100 * part) / whole).toFixed(1)} %`).padStart(11);
}
