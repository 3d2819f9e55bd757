import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { clients } from "../../src/agent-config/index.ts";
import { type Machine, scanAgentHomes } from "../../src/source/agent-homes.ts";
import type { Scan } from "../../src/source/scanner.ts";
import { openRouterKey, rekey } from "../cli/rekey.ts";
import { temporaryFolder } from "./repository.ts";

function homeWith(files: Readonly<Record<string, string>>): string {
  const home = temporaryFolder();
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(home, path)), { recursive: true });
    writeFileSync(join(home, path), text);
  }
  return home;
}

/** What is read of a home folder, and of whom. */
function read(home: string, machine: Partial<Machine> = {}) {
  const paths: string[] = [];
  const scan: Scan = ({ origin }) => {
    paths.push(origin.path ?? "");
    return [];
  };
  const { clients: found, stats } = scanAgentHomes({ home, platform: "linux", environment: {}, ...machine }, { scan });
  return { paths, found: found.map(({ client, files }) => `${client} ${files}`), stats };
}

test("every client's files, and nothing else of the home folder", () => {
  const wanted = [
    ".claude.json",
    ".claude/settings.json",
    ".claude/projects/-w/1.jsonl",
    ".codex/config.toml",
    ".codex/sessions/2026/11/24/rollout-1.jsonl",
    ".config/Code/User/mcp.json",
    ".config/Code/User/workspaceStorage/1/chatSessions/2.json",
    ".cursor/mcp.json",
    ".gemini/tmp/1/chats/2.json",
    ".local/share/opencode/auth.json",
  ];
  const other = [".ssh/id_ed25519", "notes.md", ".claude/statsig/x.bin", ".config/Code/User/keybindings.json", "work/.mcp.json"];
  const { paths, found, stats } = read(homeWith(Object.fromEntries([...wanted, ...other].map((path) => [path, "x"]))));
  expect(paths.toSorted()).toEqual(wanted.toSorted());
  expect(found).toEqual(["claude-code 3", "cursor 1", "vs-code 2", "codex 2", "gemini-cli 1", "opencode 1"]);
  expect(stats.complete).toBe(true);
});

test.each<[NodeJS.Platform, Record<string, string>, string]>([
  ["darwin", {}, "Library/Application Support/Claude/claude_desktop_config.json"],
  ["win32", {}, "AppData/Roaming/Claude/claude_desktop_config.json"],
  ["linux", {}, ".config/Claude/claude_desktop_config.json"],
  ["linux", { XDG_CONFIG_HOME: "{home}/cfg" }, "cfg/Claude/claude_desktop_config.json"],
  ["linux", { CLAUDE_CONFIG_DIR: "{home}/elsewhere" }, "elsewhere/settings.json"],
  ["linux", { CODEX_HOME: "{home}/cx" }, "cx/config.toml"],
])("%s with %j reads %s", (platform, variables, path) => {
  const home = homeWith({ [path]: "{}" });
  const environment = Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, value.replace("{home}", home)]));
  expect(read(home, { platform, environment }).paths).toEqual([path]);
});

test("a linked configuration is read where it leads, a linked folder is not entered, a database is named", () => {
  const home = homeWith({
    "dotfiles/mcp.json": "{}",
    "big/a.jsonl": "{}",
    ".claude/projects/p/a.jsonl": "{}",
    ".cursor/chats/1/store.db": "x",
  });
  symlinkSync(join(home, "dotfiles/mcp.json"), join(home, ".cursor/mcp.json"));
  symlinkSync(join(home, "gone"), join(home, ".cursor/hooks.json"));
  symlinkSync(join(home, "big"), join(home, ".claude/projects/big"));
  const { paths, stats } = read(home);
  expect(paths).toEqual([".claude/projects/p/a.jsonl", ".cursor/mcp.json", ".cursor/chats/1/store.db"]);
  expect(stats.skipped).toEqual([{ path: ".cursor/chats/1/store.db", reason: expect.stringMatching(/^a database/) }]);
});

test("every place begins where a machine has one, and ends in a file", () => {
  for (const { id, home = [] } of clients)
    for (const glob of home) {
      expect([id, glob, /^(?:~\/|\/|[A-Z]:\/|\{(?:config|data|claude|codex)\}\/)/.test(glob)]).toEqual([id, glob, true]);
      expect([id, glob, /\/$/.test(glob)]).toEqual([id, glob, false]);
    }
});

test("the command: whose key it is, who was found, JSON, and nothing written", () => {
  const key = openRouterKey();
  const config = JSON.stringify({ mcpServers: { search: { command: "npx", env: { OPENROUTER_API_KEY: key } } } });
  const home = homeWith({ ".cursor/mcp.json": config, ".codex/history.jsonl": JSON.stringify({ text: `use ${key}` }) });
  const before = readdirSync(home, { recursive: true }).toSorted();
  const text = rekey(temporaryFolder(), ["scan", "--agents", home]);
  expect(text.status).toBe(1);
  expect(text.stdout).toContain("Agent clients here: Cursor (1 file), Codex (1 file)\n");
  expect(text.stdout).toContain("~/.cursor/mcp.json:1:");
  expect(text.stdout).toContain("mcp-server search");
  const json = rekey(home, ["scan", "--agents", "--format", "json"], { env: { HOME: home } });
  expect(json.json().stats.clients).toEqual([
    { client: "cursor", agent: "Cursor", files: 1 },
    { client: "codex", agent: "Codex", files: 1 },
  ]);
  expect(json.json().findings.map(({ location }: { location: { path: string } }) => location.path)).toEqual([
    ".codex/history.jsonl",
    ".cursor/mcp.json",
  ]);
  for (const output of [text.stdout, json.stdout]) expect(output).not.toContain(key);
  expect(readdirSync(home, { recursive: true }).toSorted()).toEqual(before);
  expect(readFileSync(join(home, ".cursor/mcp.json"), "utf8")).toBe(config);
  expect(rekey(home, ["scan", "--agents", "--history"]).status).toBe(2);
}, 20_000);
