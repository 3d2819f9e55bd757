import { expect, test } from "vitest";
import { loadRuleset } from "../../src/config/detectors.ts";
import { compareGrades } from "../../src/finding.ts";
import { fixtureNames, readFixture, type TrueEdge } from "./fixture.ts";

const ruleset = await loadRuleset();

/** By pair and relation, the best grade. */
function best(edges: readonly TrueEdge[]): Map<string, TrueEdge> {
  const sorted = edges.toSorted((a, b) => compareGrades(b.grade, a.grade));
  return new Map(sorted.map((edge) => [`${edge.from} ${edge.relation} ${edge.to}`, edge]));
}

const lines = (edges: ReadonlyMap<string, TrueEdge>) => [...edges].map(([key, { grade }]) => `${key} ${grade}`).toSorted();

test.each(fixtureNames())("%s: the graph is the one that was written down", (name) => {
  const { graph, expected, links, expectedLinks } = readFixture(name, ruleset);
  expect(lines(best(graph.edges))).toEqual(lines(best(expected)));
  if (expectedLinks !== undefined) expect(lines(best(links))).toEqual(lines(best(expectedLinks)));
});
