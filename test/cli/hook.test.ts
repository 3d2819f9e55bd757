import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { repository, temporaryFolder } from "../source/repository.ts";
import { openRouterKey, rekey } from "./rekey.ts";

const cli = fileURLToPath(new URL("../../src/cli.ts", import.meta.url));
const environment = {
  PATH: process.env["PATH"] ?? "",
  HOME: "/nonexistent",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  REKEY_FINGERPRINT_KEY: "5a".repeat(32),
  GIT_AUTHOR_NAME: "a",
  GIT_AUTHOR_EMAIL: "a@example.com",
  GIT_COMMITTER_NAME: "a",
  GIT_COMMITTER_EMAIL: "a@example.com",
};

function git(cwd: string, args: readonly string[], env: Record<string, string> = {}) {
  return spawnSync("git", args, { cwd, encoding: "utf8", env: { ...environment, ...env } });
}

test("pre-commit stops a key, runs the hook that was there first, and an override with a reason is written down", () => {
  const made = repository();
  made.commit("a", { "a.txt": "a\n" });
  made.write(".git/hooks/pre-commit", "#!/bin/sh\necho mine >> ran\n");
  chmodSync(join(made.path, ".git/hooks/pre-commit"), 0o755);
  expect(rekey(made.path, ["hook", "install"]).stdout).toContain("pre-commit.before-rekey, which was there before, runs first");
  expect(rekey(made.path, ["hook", "install"]).status).toBe(0);
  const key = openRouterKey();
  made.write("a.env", `KEY=${key}\n`);
  git(made.path, ["add", "a.env"]);
  const stopped = git(made.path, ["commit", "-m", "leak"]);
  expect(stopped.status).toBe(1);
  expect(stopped.stderr).toContain("rekey: 1 credential in what you are about to commit:\n  high  OpenRouter API key  a.env:1");
  expect(stopped.stderr).toContain('this one time: REKEY_ALLOW="<reason>" git commit');
  expect(stopped.stderr).not.toContain(key);
  expect(readFileSync(join(made.path, "ran"), "utf8")).toBe("mine\n");
  const passed = git(made.path, ["commit", "-m", "leak"], { REKEY_ALLOW: "test key of the sandbox" });
  expect(passed.status).toBe(0);
  expect(passed.stderr).toContain("let through, and written down: test key of the sandbox");
  expect(rekey(made.path, ["hook", "status"]).stdout).toMatch(/override .* pre-commit {2}[0-9a-f]{16} {2}test key of the sandbox\n/);
  rekey(made.path, ["hook", "uninstall"]);
  expect(readFileSync(join(made.path, ".git/hooks/pre-commit"), "utf8")).toContain("echo mine");
  expect(existsSync(join(made.path, ".git/hooks/pre-push"))).toBe(false);
}, 60_000);

test("core.hooksPath is respected, also from a linked work tree", () => {
  const made = repository();
  made.commit("a", { "a.txt": "a\n" });
  made.git("config", "core.hooksPath", "tools/hooks");
  rekey(made.path, ["hook", "install"]);
  expect(existsSync(join(made.path, "tools/hooks/pre-push"))).toBe(true);
  made.git("config", "--unset", "core.hooksPath");
  const linked = join(temporaryFolder(), "linked");
  made.git("worktree", "add", "--quiet", linked);
  rekey(linked, ["hook", "install"]);
  expect(existsSync(join(made.path, ".git/hooks/pre-commit"))).toBe(true);
}, 60_000);

test("pre-push judges the commits that are sent, also what a later one removes", () => {
  const made = repository();
  made.commit("a", { "a.txt": "a\n" });
  const bare = temporaryFolder();
  git(bare, ["init", "--quiet", "--bare"]);
  made.git("remote", "add", "origin", bare);
  rekey(made.path, ["hook", "install"]);
  expect(git(made.path, ["push", "--quiet", "origin", "main"]).status).toBe(0);
  made.git("config", "core.hooksPath", "/dev/null");
  made.commit("leak", { "a.env": `KEY=${openRouterKey()}\n` });
  made.commit("gone", { "a.env": "KEY=\n" });
  made.git("config", "--unset", "core.hooksPath");
  const stopped = git(made.path, ["push", "--quiet", "origin", "main"]);
  expect(stopped.status).not.toBe(0);
  expect(stopped.stderr).toContain("rekey: 1 credential in the commits that you are about to push:");
  expect(git(made.path, ["push", "--quiet", "origin", "HEAD~2:refs/heads/old"]).status).toBe(0);
}, 60_000);

test("pre-receive sees quarantined objects, obeys the push option, and says when its time is up", () => {
  const bare = temporaryFolder();
  git(bare, ["init", "--quiet", "--bare", "--initial-branch=main"]);
  git(bare, ["config", "receive.advertisePushOptions", "true"]);
  const made = repository();
  made.commit("a", { "a.env": `KEY=${openRouterKey()}\n` });
  const hook = join(bare, "hooks/pre-receive");
  const write = (options: string) => {
    made.write("hook", `#!/bin/sh\nexec '${process.execPath}' '${cli}' hook pre-receive ${options}\n`);
    spawnSync("install", ["-D", "-m", "755", join(made.path, "hook"), hook]);
  };
  const push = (...options: string[]) => git(made.path, ["push", ...options, bare, "main"]);
  write("--budget 60000");
  const refused = push();
  expect(refused.status).not.toBe(0);
  expect(refused.stderr).toContain("remote: rekey: 1 credential in this push:");
  write("--budget 1 --on-timeout deny");
  expect(push().stderr).toContain("the scan took longer than 1 ms: the push is refused");
  write("--budget 60000 --no-override");
  expect(push("-o", "rekey.allow=sandbox key").status).not.toBe(0);
  write("--budget 60000");
  const allowed = push("-o", "rekey.allow=sandbox key");
  expect([allowed.status, allowed.stderr]).toEqual([0, expect.stringContaining("let through, and written down: sandbox key")]);
  expect(readFileSync(join(bare, "rekey/overrides.jsonl"), "utf8")).toContain('"hook":"pre-receive","reason":"sandbox key"');
}, 60_000);

test("what is not git's own input is wrong usage", () => {
  const made = repository();
  made.commit("a", { "a.txt": "a\n" });
  expect(rekey(made.path, ["hook", "pre-push"], { input: "nonsense\n" })).toMatchObject({ status: 2, stdout: "" });
  expect(rekey(temporaryFolder(), ["hook", "install"]).stderr).toContain("expected a git repository here");
}, 60_000);
