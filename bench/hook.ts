/** `node bench/hook.ts [calls]`: time of one agent hook call, start of the client's process included, with the resident process warm. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const calls = Number(process.argv[2] ?? 100);
const folder = mkdtempSync(join(tmpdir(), "rekey-bench-"));
process.env["XDG_RUNTIME_DIR"] = folder;
const client = fileURLToPath(new URL("../src/cli/hook/agent-client.js", import.meta.url));
const input = JSON.stringify({ hook_event_name: "PreToolUse", tool_name: "Bash", tool_input: { command: "ls -la src ".repeat(100) } });
const call = () => spawnSync(process.execPath, [client, "claude-code"], { input, encoding: "utf8" });
const { socketPath } = await import("../src/cli/hook/agent-client.js");
const path = socketPath();
const server = spawn(process.execPath, [fileURLToPath(new URL("../src/cli/hook/agent-server.ts", import.meta.url)), path]);
while (!existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 50));
call();
const times = Array.from({ length: calls }, () => {
  const start = performance.now();
  const { stdout } = call();
  if (stdout !== "") throw new Error(`expected silence, got ${stdout}`);
  return performance.now() - start;
}).sort((a, b) => a - b);
const at = (part: number) => (times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0).toFixed(0);
console.log(`agent hook, ${calls} calls: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms`);
server.kill();
rmSync(folder, { recursive: true, force: true });
