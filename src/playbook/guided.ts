import type { Manifest } from "../driver.ts";
import type { PlannedSink } from "./plan.ts";
import type { Playbook } from "./schema.ts";

/**
 * What a person does where no playbook serves a type: make a new credential and put it where its consumers read it, then end the leaked
 * one on the vendor's page; then probes close it. A run of it never starts by itself.
 */
export function guidedPlaybook({ name, detectors, pages, verbs }: Manifest, places: readonly PlannedSink[] = []): Playbook {
  return {
    name: "guided",
    version: 1,
    match: { credential: [...detectors] },
    policy: { modes: ["revoke-first"] },
    inputs: {},
    steps: [
      step("make", `Make a new ${name} and put it ${placesText(places)}`, pages.issue ?? pages.revoke),
      step("end", `Once its consumers run on the new one, end the leaked ${name}`, pages.revoke),
      ...(verbs.probe === undefined
        ? []
        : [{ id: "dead", uses: "proof/dead@1", title: "Prove it dead: /rekey verify asks the vendor three times", with: {} }]),
    ],
  };
}

function step(id: string, title: string, page: string): Playbook["steps"][number] {
  // a title is filled in like any other: what a declaration says is no expression
  return { id, uses: "manual@1", title: title.replaceAll("${{", "").slice(0, 300), with: { page } };
}

function placesText(places: readonly PlannedSink[]): string {
  const declared = places.filter(({ refresh, staging }) => refresh !== true && staging !== true);
  if (declared.length === 0) return "where its consumers read it";
  return `into ${declared.map(({ connection, path, field }) => `${connection}:${path}${field === undefined ? "" : `, field ${field}`}`).join("; and into ")}`;
}
