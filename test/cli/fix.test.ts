import { chmodSync, existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repository, temporaryFolder } from "../source/repository.ts";
import { openRouterKey, rekey } from "./rekey.ts";

const mcp = (key: string, other: string) =>
  `{ "mcpServers": { "s": { "command": "x", "args": ["--header", "Authorization: Bearer ${other}"],\r\n  "env": { "OPENROUTER_API_KEY": "${key}" } } } }\r\n`;

function files() {
  const [a, b] = [openRouterKey(), openRouterKey()];
  const made = repository();
  made.commit("a", {
    ".mcp.json": mcp(a, b),
    "bot.py": `x = ["${a}", "${b}"]\n`,
    "run.sh": `#!/bin/sh\nexport OPENROUTER_API_KEY=${a}\n`,
    Dockerfile: `FROM x\nENV OPENROUTER_API_KEY=${a}\n`,
    "clean.py": "x = 1\n",
  });
  return { made, a, b };
}

test("without --write it shows the change, never a value, and changes nothing", () => {
  const { made, a, b } = files();
  const before = readFileSync(join(made.path, ".mcp.json"));
  const { status, stdout, stderr } = rekey(made.path, ["fix"]);
  expect([status, stderr]).toEqual([1, ""]);
  expect(stdout).toContain(`2 +   "env": { "OPENROUTER_API_KEY": "\${OPENROUTER_API_KEY}" } } } }`);
  expect(stdout).toContain('- x = ["…", "…"]');
  expect(stdout).toContain("Dockerfile\n  line 2: no automatic repair: ");
  expect(stdout).toContain("3 of 4 files can be repaired; add --write to do it");
  expect(stdout).toContain("OpenRouter API key: https://openrouter.ai/settings/keys");
  for (const value of [a, b]) for (const part of [value.slice(9, 25), value.slice(-16)]) expect(stdout).not.toContain(part);
  expect(readFileSync(join(made.path, ".mcp.json"))).toEqual(before);
});

test("--write: several values on one line, each its own variable; line ends and mode stay; the second time nothing is left to write", () => {
  const { made, a, b } = files();
  chmodSync(join(made.path, "run.sh"), 0o775);
  const first = rekey(made.path, ["fix", "--write", "--format", "json"]);
  expect(first.status).toBe(1); // the Dockerfile is left
  expect(first.json().files.map((file: { path: string; written: boolean }) => [file.path, file.written])).toEqual([
    [".mcp.json", true],
    ["Dockerfile", false],
    ["bot.py", true],
    ["run.sh", true],
  ]);
  const text = (path: string) => readFileSync(join(made.path, path), "utf8");
  expect(text(".mcp.json")).toBe(mcp(`\${OPENROUTER_API_KEY}`, `\${OPENROUTER_API_KEY_2}`));
  expect(text("bot.py")).toBe('import os\nx = [os.environ["OPENROUTER_API_KEY"], os.environ["OPENROUTER_API_KEY_2"]]\n');
  expect(statSync(join(made.path, "run.sh")).mode & 0o777).toBe(0o775);
  for (const value of [a, b]) expect(first.stdout + first.stderr).not.toContain(value.slice(9, 25));
  expect(readdirSync(made.path).filter((name) => name.includes("rekey-"))).toEqual([]);

  const again = rekey(made.path, ["fix", "--write"]);
  expect(again.stdout).toContain("0 of 1 file written");
  expect(rekey(made.path, ["scan", "--format", "json"]).json().findings).toHaveLength(1);
  expect(rekey(made.path, ["fix", "--write", "bot.py"])).toMatchObject({ status: 0, stdout: "Nothing to repair\n" });
});

test("a link is never written through, and a folder that a link leads to neither", () => {
  const outside = temporaryFolder();
  const key = openRouterKey();
  const made = repository();
  made.commit("a", { "real.py": `x = "${key}"\n` });
  symlinkSync(join(made.path, "real.py"), join(made.path, "link.py"));
  symlinkSync(outside, join(made.path, "away"));
  const { stdout } = rekey(made.path, ["fix", "--write", "link.py"]);
  expect(stdout).not.toContain("written\n  written");
  expect(readFileSync(join(made.path, "real.py"), "utf8")).toContain(key);
});

test("an .env that git does not track stays; one that it tracks is emptied, with what remains true", () => {
  const key = openRouterKey();
  const made = repository();
  made.commit("a", { "prod.env": `OPENROUTER_API_KEY=${key}\n` });
  made.write(".env", `OPENROUTER_API_KEY=${key}\n`);
  const { stdout } = rekey(made.path, ["fix", "--write"]);
  expect(stdout).toContain("git does not track this file");
  expect(stdout).toContain("git rm --cached prod.env");
  expect(readFileSync(join(made.path, "prod.env"), "utf8")).toBe("OPENROUTER_API_KEY=\n");
  expect(readFileSync(join(made.path, ".env"), "utf8")).toContain(key);
});

test("outside of git an .env stays, and another file says that the old value would be gone", () => {
  const folder = temporaryFolder();
  const key = openRouterKey();
  writeFileSync(join(folder, ".env"), `OPENROUTER_API_KEY=${key}\n`);
  writeFileSync(join(folder, "a.ts"), `const a = "${key}";\n`);
  const { stdout } = rekey(folder, ["fix", "--write"]);
  expect(readFileSync(join(folder, ".env"), "utf8")).toContain(key);
  expect(stdout).toContain("note: git does not track this file: once written, the old value is gone from here");
});

test("what rules silence is left alone and not shown", () => {
  const [kept, silenced] = [openRouterKey(), openRouterKey()];
  const made = repository();
  made.commit("a", { "a.py": `a = "${kept}"; b = "${silenced}"\nc = "${silenced}"  # rekey:allow a test value\n` });
  const { stdout } = rekey(made.path, ["fix"]);
  for (const value of [kept, silenced]) expect(stdout).not.toContain(value.slice(9, 25));
});

test("the declared store and its command are told; the report of a scan has the repair too", () => {
  const key = openRouterKey();
  const made = repository();
  made.commit("a", {
    "bot.py": `import os\nOPENROUTER_API_KEY = "${key}"\n`,
    ".rekey/identities.yml": `version: 1\nidentities:\n  - kind: agent\n    name: bot\n    credentials:\n      - detector: openrouter-api-key\n        stored_in: [ { connection: vault, path: secret/agents/bot, field: OPENROUTER_API_KEY } ]\n`,
  });
  const text = rekey(made.path, ["scan"]).stdout;
  expect(text).toContain('  repair      - OPENROUTER_API_KEY = "…"\n');
  expect(text).toContain('              + OPENROUTER_API_KEY = os.environ["OPENROUTER_API_KEY"]\n');
  const [finding] = rekey(made.path, ["scan", "--format", "json"]).json().findings;
  expect(finding.repair).toMatchObject({ reference: 'os.environ["OPENROUTER_API_KEY"]', name: "OPENROUTER_API_KEY" });
  expect(finding.repair.next.join(" ")).toContain("vault kv get -mount=secret -field=OPENROUTER_API_KEY agents/bot");
  expect(JSON.stringify(finding)).not.toContain(key.slice(9, 25));
});

test("a value without a name takes the one of the field that its identity declares", () => {
  const made = repository();
  made.commit("a", {
    "agents/bot.ts": `export const bot = new Agent({ apiKey: "${openRouterKey()}" });\n`,
    ".rekey/identities.yml": `version: 1\nidentities:\n  - kind: agent\n    name: bot\n    credentials: [ { detector: openrouter-api-key, stored_in: [ { connection: store, path: secret/bot, field: BOT_MODEL_KEY } ] } ]\n`,
  });
  expect(rekey(made.path, ["fix"]).stdout).toContain("process.env.BOT_MODEL_KEY");
});

test("stdin and addresses are wrong usage", () => {
  expect(rekey(".", ["fix", "-"])).toMatchObject({ status: 2, stderr: expect.stringContaining("name a folder or a file") });
  expect(existsSync("fix")).toBe(false);
});
