import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ensureSalt, loadRepositoryConfig, parseSalt, repositoryRules, scopeOfAddress, tenantKeys } from "../../src/config/repository.ts";
import { ConfigError } from "../../src/errors.ts";
import { repository, temporaryFolder } from "../source/repository.ts";

const a = "a1".repeat(32);
const b = "b2".repeat(32);

test("a salt file holds several salts, one a line; what else stands there is an error with its line", () => {
  expect(parseSalt(`# ours\n${a}\n\n${b}\n`).map(({ key }) => key.toString("hex"))).toEqual([a, b]);
  expect(() => parseSalt(`${a}\n${b.slice(2)}\n`)).toThrow(".rekey/salt:2: expected 64 hexadecimal characters");
});

test("without a salt file the salt is the hash of the scope, the same on every machine", () => {
  const ours = repositoryRules({}, "github.com/acme/app").salts;
  expect(ours).toEqual(repositoryRules({ salt: "# none yet\n" }, "github.com/acme/app").salts);
  expect(ours).not.toEqual(repositoryRules({}, "github.com/acme/other").salts);
});

test("entries with a salt that the repository does not have are reported", () => {
  const entry = `rs1:deadbeef:${"A".repeat(43)}`;
  const { warnings } = repositoryRules({ salt: a, baseline: `${entry}\n`, ignore: "version: 1\nignore: []\n" }, ".");
  expect(warnings).toEqual(["entries with salt deadbeef are not applied: .rekey/salt has no such salt"]);
});

test("making a salt keeps the one that is there, and lets two branches merge", () => {
  const top = temporaryFolder();
  const [first] = ensureSalt(top);
  expect(ensureSalt(top)[0]?.kid).toBe(first?.kid);
  expect(readFileSync(join(top, ".rekey/salt"), "utf8")).toMatch(/^[0-9a-f]{64}\n$/);
  expect(readFileSync(join(top, ".rekey/.gitattributes"), "utf8")).toBe("salt merge=union\nbaseline merge=union\n");
});

test("the fingerprint key is made at first use, for its owner only, and kept", () => {
  const home = temporaryFolder();
  const environment = { XDG_CONFIG_HOME: home };
  const [key] = tenantKeys(environment);
  const file = join(home, "rekey/fingerprint.key");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(tenantKeys(environment)[0]?.kid).toBe(key?.kid);
  expect(tenantKeys({ ...environment, CI: "true" })[0]?.kid).toBe(key?.kid);
});

test("under CI=true no key is made", () => {
  const home = temporaryFolder();
  expect(tenantKeys({ XDG_CONFIG_HOME: home, CI: "true" })).toEqual([]);
  expect(() => statSync(join(home, "rekey"))).toThrow("ENOENT");
});

test("a key that others may read, or that is none, is refused", () => {
  const home = temporaryFolder();
  mkdirSync(join(home, "rekey"));
  const file = join(home, "rekey/fingerprint.key");
  writeFileSync(file, `${a}\n`, { mode: 0o644 });
  expect(() => tenantKeys({ XDG_CONFIG_HOME: home })).toThrow("others may read the fingerprint key; run chmod 600");
  for (const wrong of ["short", a.slice(1), `${a.slice(2)}zz`]) {
    expect(() => tenantKeys({ REKEY_FINGERPRINT_KEY: wrong })).toThrow(ConfigError);
    expect(() => tenantKeys({ REKEY_FINGERPRINT_KEY: wrong })).not.toThrow(wrong);
  }
  expect(() => tenantKeys({ REKEY_FINGERPRINT_KEY_FILE: "/nonexistent/key" })).toThrow("/nonexistent/key: no such file");
});

test("the newest key of several comes first", () => {
  const home = temporaryFolder();
  writeFileSync(join(home, "keys"), `${b}\n${a}\n`);
  expect(tenantKeys({ REKEY_FINGERPRINT_KEY_FILE: join(home, "keys") }).map(({ key }) => key.toString("hex"))).toEqual([b, a]);
  expect(tenantKeys({ REKEY_FINGERPRINT_KEY: a })).toHaveLength(1);
});

test("the scope is host, owner and name of an address, in lower case", () => {
  expect(scopeOfAddress("https://github.com/Acme/App.git")).toBe("github.com/acme/app");
  expect(scopeOfAddress("https://dev@github.com:8443/Acme/App/")).toBe("github.com/acme/app");
  expect(scopeOfAddress("git@github.com:Acme/App.git")).toBe("github.com/acme/app");
  expect(scopeOfAddress("ssh://git@host:22/group/sub/app")).toBe("host/group/sub/app");
  for (const none of ["", "/srv/git/app.git", "../app"]) expect(scopeOfAddress(none)).toBe(".");
});

test("a sub-folder and a linked work tree have the rules of their repository", () => {
  const made = repository();
  made.commit("a", { ".rekey/salt": `${a}\n`, "apps/web/x.txt": "x" });
  made.git("remote", "add", "origin", "git@github.com:Acme/App.git");
  const linked = join(temporaryFolder(), "linked");
  made.git("worktree", "add", "--quiet", linked);
  const environment = { REKEY_FINGERPRINT_KEY: b };
  for (const folder of [made.path, join(made.path, "apps/web"), join(made.path, "apps/web/x.txt"), linked]) {
    const { scope, keyring } = loadRepositoryConfig(folder, { environment });
    expect([scope, keyring.salts[0]?.key.toString("hex")]).toEqual(["github.com/acme/app", a]);
  }
});

test("an ignore file with an error stops the scan, with file and line", () => {
  const made = repository();
  made.write(".rekey/ignore.yml", "version: 1\nignore:\n  - fingerprint: nonsense\n    reason: why not\n");
  expect(() => loadRepositoryConfig(made.path, { environment: { CI: "true" } })).toThrow(/^\.rekey\/ignore\.yml:3:\d+: .*expected rs1:/);
});
