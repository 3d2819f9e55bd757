import type { Coverage } from "../governance/coverage.ts";

const most = 50;

/** Sources with what they tell and of how many, then who is not covered, for a terminal. */
export function coverageText({ identities, sources, uncovered, silent }: Coverage): string {
  const lines = [
    `${identities} ${identities === 1 ? "identity" : "identities"}, ${sources.length} sources`,
    ...sources.map(
      ({ name, type, kinds, identities: many, needs }) =>
        `${name} (${type}): ${needs === undefined ? `${kinds.join(", ")} of ${many}` : `nothing yet: ${needs}`}`,
    ),
    ...uncovered
      .slice(0, most)
      .map(({ kind, name, owner, lacks }) => `not covered: ${kind} ${name}, ${owner ?? "no owner"}: ${lacks.join(", ")}`),
    ...(uncovered.length > most ? [`and ${uncovered.length - most} more that are not covered`] : []),
    ...(silent.length === 0 ? [] : [`no source reports ${silent.join(", ")} of anybody`]),
  ];
  return lines.map((line) => `${line.replaceAll(/[\p{Cc}\p{Cf}]/gu, " ")}\n`).join("");
}
