import type { Manifest } from "../driver.ts";
import type { Playbook } from "./schema.ts";

/**
 * What a person does where no playbook serves a type: end the credential on the vendor's page and put a new one where its consumers read
 * it; then probes close it. A run of it never starts by itself.
 */
export function guidedPlaybook({ name, detectors, pages, verbs }: Manifest): Playbook {
  const title = `Make a new ${name}, put it where its consumers read it, and end the leaked one`;
  return {
    name: "guided",
    version: 1,
    match: { credential: [...detectors] },
    policy: { modes: ["revoke-first"] },
    inputs: {},
    steps: [
      { id: "by-hand", uses: "manual@1", title: title.slice(0, 120), with: { page: pages.revoke } },
      ...(verbs.probe === undefined
        ? []
        : [{ id: "dead", uses: "proof/dead@1", title: "Prove it dead: /rekey verify asks the vendor three times", with: {} }]),
    ],
  };
}
