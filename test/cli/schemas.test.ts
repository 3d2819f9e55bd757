import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { z } from "zod";
import { OrganizationPolicy, RepositoryPolicy } from "../../src/config/github-policy.ts";
import { DetectorFile } from "../../src/detector/schema.ts";
import { ControlsFile } from "../../src/governance/controls.ts";
import { Mapping } from "../../src/incident/mapping.ts";
import { Playbook } from "../../src/playbook/schema.ts";

test.each([
  ["detectors", DetectorFile, "rekey check --print-schema detectors"],
  ["controls", ControlsFile, "rekey check --print-schema controls"],
  ["mapping", Mapping, "rekey check --print-schema mapping"],
  ["playbook", Playbook, "rekey playbook schema"],
  ["repository-policy", RepositoryPolicy, "rekey rollout schema"],
  ["organization-policy", OrganizationPolicy, "rekey rollout schema --organization"],
] as const)("the published JSON Schema of %s is the one that is enforced", (name, schema, command) => {
  const published = JSON.parse(readFileSync(new URL(`../../docs/schema/${name}.schema.json`, import.meta.url), "utf8"));
  expect(published, `run ${command} > docs/schema/${name}.schema.json`).toEqual(z.toJSONSchema(schema, { io: "input" }));
});
