import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scanStaged } from "../../src/source/staged.ts";
import { fingerprintOf, marker, markerScan } from "./marker.ts";
import { environment, repository } from "./repository.ts";

test("the staged content counts, not the working tree's", async () => {
  const [staged, unstaged] = [marker(), marker()];
  const made = repository();
  made.commit("base", { "a.env": "A=1\n" });
  made.write("a.env", `KEY=${staged}\n`);
  made.git("add", "a.env");
  made.write("a.env", `KEY=${unstaged}\n`);
  const { findings } = await scanStaged({ cwd: made.path, scan: markerScan() });
  expect(findings.map(({ fingerprint, location }) => [fingerprint, location.path])).toEqual([[fingerprintOf(staged), "a.env"]]);
});

test("what HEAD holds already in a changed or renamed file is no finding; a copy from an unchanged file is", async () => {
  const [known, other] = [marker(), marker()];
  const made = repository();
  made.commit("base", { "a.env": `KEY=${known}\n`, "other.env": `KEY=${other}\n` });
  made.git("mv", "a.env", "b.env");
  made.write("b.env", `# edited\nKEY=${known}\n`);
  made.write("copy.env", `KEY=${other}\n`);
  made.git("add", "--all");
  const { findings } = await scanStaged({ cwd: made.path, scan: markerScan() });
  expect(findings.map(({ location }) => location.path)).toEqual(["copy.env"]);
});

test("the first commit of a repository is scanned", async () => {
  const key = marker();
  const made = repository();
  made.write("a.env", key);
  made.git("add", "--all");
  const { findings } = await scanStaged({ cwd: made.path, scan: markerScan() });
  expect(findings).toHaveLength(1);
});

test("deleted files and files that were only touched give nothing", async () => {
  const made = repository();
  made.commit("base", { "a.env": marker(), "b.env": marker() });
  made.git("rm", "--quiet", "a.env");
  expect((await scanStaged({ cwd: made.path, scan: markerScan() })).findings).toEqual([]);
});

test("inside the hook of git commit -a and git commit FILE the temporary index counts", async () => {
  const [known, fresh] = [marker(), marker()];
  const made = repository();
  made.commit("base", { "a.env": "A=1\n", "b.env": "B=1\n" });
  made.write("a.env", `KEY=${fresh}\n`);
  made.write("b.env", `KEY=${known}\n`);
  // the hook prints the variables that git gave it, and refuses the commit
  made.write(".git/hooks/pre-commit", '#!/bin/sh\npwd\nprintf "%s\\n" "$GIT_INDEX_FILE"\ncp "$GIT_INDEX_FILE" .git/seen-index\nexit 1\n');
  made.git("config", "core.hooksPath", join(made.path, ".git/hooks"));
  spawnSync("chmod", ["+x", join(made.path, ".git/hooks/pre-commit")]);
  const committed = spawnSync("git", ["commit", "-m", "x", "a.env"], { cwd: made.path, env: environment, encoding: "utf8" });
  expect(committed.status).toBe(1);
  expect(committed.stdout + committed.stderr).toMatch(/index/);

  const plain = await scanStaged({ cwd: made.path, scan: markerScan() });
  expect(plain.findings).toEqual([]);
  const hooked = await scanStaged({
    cwd: made.path,
    scan: markerScan(),
    env: { GIT_INDEX_FILE: join(made.path, ".git/seen-index") },
  });
  expect(hooked.findings.map(({ fingerprint }) => fingerprint)).toEqual([fingerprintOf(fresh)]);
});
