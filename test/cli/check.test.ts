import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { expandTemplate, seededRandom } from "../../src/detector/template.ts";
import { temporaryFolder } from "../source/repository.ts";
import { rekey } from "./rekey.ts";

const rules = `[[rules]]
id = "acme"
regex = '''acme_[a-z0-9]{30}'''
keywords = ["acme_"]

[[rules]]
id = "store"
path = '''\\.p12$'''
`;

test("import, prove, scan: what is found, what is not imported, and every exit code", () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, ".gitleaks.toml"), rules);
  const dry = rekey(folder, ["check", "--import", ".gitleaks.toml"]);
  expect(dry.status).toBe(1);
  expect(dry.stdout).toContain("\n  .gitleaks.toml:6  store: a path alone");
  expect(dry.stdout).toContain("1 rules imported, 0 not needed, 1 not imported\nNothing is written");
  const made = rekey(folder, ["check", "--import", ".gitleaks.toml", "--write", "own", "--name", "org", "--format", "json"]);
  expect([made.status, made.json()]).toEqual([
    1,
    {
      version: 1,
      file: ".gitleaks.toml",
      written: "own/org.yml",
      detectors: ["org-acme"],
      imported: ["acme"],
      changed: [],
      covered: [],
      rejected: [{ file: ".gitleaks.toml", line: 6, rule: "store", reason: expect.stringContaining("a path alone") }],
    },
  ]);
  expect(rekey(folder, ["check", "own"])).toMatchObject({ status: 0, stdout: "1 detectors in 1 files, 0 problems\n" });
  writeFileSync(join(folder, "a.txt"), `k = ${expandTemplate("acme_{lowernum:30}", seededRandom("cli"))}\n`);
  const found = rekey(folder, ["scan", "--detectors", "own", "--format", "json"]);
  expect(found.json().findings).toMatchObject([{ detector: "org-acme", location: { path: "a.txt", startLine: 1 } }]);
}, 20_000);

test("an import that would overwrite somebody's own file, and options that do not go together: exit 2, nothing changed", () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "a.toml"), rules);
  writeFileSync(join(folder, "a.yml"), "mine\n");
  const refused = rekey(folder, ["check", "--import", "a.toml", "--write", "."]);
  expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining("'a.yml' was not made by an import")]);
  expect(readFileSync(join(folder, "a.yml"), "utf8")).toBe("mine\n");
  for (const args of [
    ["--import", "gone.toml"],
    ["--write", "x"],
    ["--import", "a.toml", "a.yml"],
  ])
    expect(rekey(folder, ["check", ...args]).status).toBe(2);
}, 20_000);
