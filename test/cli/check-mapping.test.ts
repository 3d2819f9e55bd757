import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "../source/repository.ts";
import { rekey } from "./rekey.ts";

const mapping = `version: 1
name: Alerts
events: $.alerts[*]
kind: { path: '@.type', values: { injection: prompt-injection } }
severity: { const: high }
title: '@.rule'
identity: { agent: '@.app' }
`;

test("a mapping is proven, shown on a sample, and refused with its line; nothing is sent", () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "m.yml"), mapping);
  writeFileSync(join(folder, "good.json"), JSON.stringify({ alerts: [{ type: "injection", rule: "role\u001b[31m change", app: "bot" }] }));
  writeFileSync(join(folder, "odd.json"), JSON.stringify({ alerts: [{ type: "other" }] }));
  writeFileSync(join(folder, "wrong.yml"), mapping.replace("severity", "severty"));
  expect(rekey(folder, ["check", "mapping", "m.yml"])).toMatchObject({ status: 0, stdout: "m.yml: Alerts: the mapping is well-formed\n" });
  expect(rekey(folder, ["check", "mapping", "m.yml", "--event", "good.json"])).toMatchObject({
    status: 0,
    stdout:
      "Prompt injection: role [31m change\n  kind       prompt-injection\n  severity   high\n  agent      bot\n1 event, 0 left out by 'when', 0 problems\n",
  });
  const odd = rekey(folder, ["check", "mapping", "m.yml", "--event", "odd.json"]);
  expect(odd.status).toBe(1);
  expect(odd.stdout).toContain("event 1: kind: no line of 'values' fits what stands at @.type, and there is no default");
  const wrong = rekey(folder, ["check", "mapping", "wrong.yml"]);
  expect(wrong.status).toBe(2);
  expect(wrong.stderr).toMatch(/wrong\.yml:5:/);
});
