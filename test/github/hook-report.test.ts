import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { serve } from "../../src/cli/hook/agent-server.ts";
import { reporter } from "../../src/cli/hook/report.ts";
import { openRouterKey } from "./keys.ts";
import { type AppWorld, startApp, until } from "./world.ts";

let world: AppWorld;
let folder: string;
let file: string;
let stop: () => void;
const token = "laptop-token-of-this-test";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "rekey-report-"));
  file = join(folder, "report.yml");
  world = await startApp({ more: 'runtime: { sources: [ { name: laptops, token: "env:LAPTOPS" } ] }\n', env: { LAPTOPS: token } });
  stop = await serve(join(folder, "agent.sock"), 60_000, reporter(file));
}, 60_000);
afterAll(async () => {
  stop();
  await world.stop();
  rmSync(folder, { recursive: true, force: true });
});

const configure = (url: string, mode = 0o600) => {
  writeFileSync(file, `url: ${url}\ntoken: ${token}\n`);
  chmodSync(file, mode);
};
const call = (event: object, allow?: string) =>
  new Promise<string>((resolve, reject) => {
    let text = "";
    const socket = connect(join(folder, "agent.sock"), () =>
      socket.end(JSON.stringify({ client: "claude-code", event: JSON.stringify(event), allow })),
    );
    socket.setEncoding("utf8").on("data", (part) => {
      text += part;
    });
    socket.on("error", reject);
    socket.on("end", () => resolve(text));
  });
const prompt = (key: string) => ({ hook_event_name: "UserPromptSubmit", session_id: "s-1", prompt: `use ${key}` });

test("nothing is told without the file, with one that others may read, or where the server is not there; the client has its answer", async () => {
  expect(await call(prompt(openRouterKey()))).toContain("block");
  configure(world.server.url, 0o644);
  expect(await call(prompt(openRouterKey()))).toContain("block");
  configure("http://127.0.0.1:9");
  expect(await call(prompt(openRouterKey()))).toContain("block");
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(await world.incidents()).toEqual([]);
});

test("what a hook stopped is a data leakage of the session, without the value; what is clean is not told", async () => {
  configure(world.server.url);
  const [first, second] = [openRouterKey(), openRouterKey()];
  expect(await call({ ...prompt("hello"), prompt: "hello" })).toBe("{}");
  expect(await call(prompt(first))).toContain("block");
  await until(
    "the prompt",
    () => world.incidents(),
    ({ length }) => length === 1,
  );
  const output = { hook_event_name: "PostToolUse", session_id: "s-1", tool_name: "Bash", tool_response: { stdout: `A=${second}` } };
  expect(await call(output)).toContain("taken out by Rekey");
  const incidents = await until(
    "the tool output",
    () => world.incidents(),
    ({ length }) => length === 2,
  );
  expect(incidents).toMatchObject([
    {
      kind: "data-leakage",
      credential: { title: "Data leakage: OpenRouter API key in a prompt" },
      identities: [{ name: "claude-code", grade: "weak" }],
      report: { source: "laptops", action: "blocked", rule: "openrouter-api-key" },
    },
    { credential: { title: "Data leakage: OpenRouter API key in a tool output" }, report: { action: "masked", tool: "Bash" } },
  ]);
  for (const value of [first, second]) expect(JSON.stringify(incidents)).not.toContain(value);
  await call(prompt(first), "a sandbox key");
  const again = await until(
    "the third",
    () => world.incidents(),
    (all) => all[0]?.report?.count === 2,
  );
  expect(again[0]).toMatchObject({ report: { action: "allowed" } });
  expect(again[0]?.clock.contained).toBeUndefined();
});
