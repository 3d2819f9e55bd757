import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * What an agent's client runs at every prompt and tool call. It loads nothing of Rekey: the work is done by a resident process of
 * this user behind a unix socket, which the first call starts. If there is no answer the client goes on, with a line that says so.
 * Plain JavaScript: Node takes longer to strip types than all the rest takes.
 */
const server = fileURLToPath(new URL("./agent-server.ts", import.meta.url));
const startTime = 4000;
const answerTime = 3000;

/** Belongs to this user alone, and to this version: after an update another process is started. Throws where the folder is shared. */
export function socketPath() {
  const { version } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"));
  const user = process.getuid?.() ?? 0;
  const folder = join(process.env["XDG_RUNTIME_DIR"] || tmpdir(), `rekey-${user}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { uid, mode } = statSync(folder);
  if (uid !== user || (mode & 0o077) !== 0) throw new Error(`others may write to '${folder}'`);
  return join(folder, `agent-${version}-${Math.floor(statSync(server).mtimeMs)}.sock`);
}

/** Reads the client's JSON on stdin and prints the answer in the client's protocol. Never throws, never fails the client. */
export async function run(client) {
  try {
    const request = `${JSON.stringify({ client, event: readFileSync(0, "utf8"), allow: process.env["REKEY_ALLOW"] })}\n`;
    const path = socketPath();
    const reply = await ask(path, request).catch((error) => {
      if (error.code !== "ENOENT" && error.code !== "ECONNREFUSED") throw error;
      spawn(process.execPath, [server, path], { detached: true, stdio: "ignore" }).unref();
      return eventually(path, request);
    });
    const { stdout, problem } = JSON.parse(reply);
    if (problem !== undefined) throw new Error(problem);
    if (stdout !== undefined) process.stdout.write(stdout);
  } catch (error) {
    const line = `rekey: not scanned, ${error instanceof Error ? error.message : "no answer"}`;
    process.stderr.write(`${line}\n`);
    if (client !== "cursor") process.stdout.write(`${JSON.stringify({ systemMessage: line })}\n`);
  }
}

async function eventually(path, request) {
  for (const end = Date.now() + startTime; ; ) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    try {
      return await ask(path, request);
    } catch (error) {
      if (Date.now() > end) throw error;
    }
  }
}

function ask(path, request) {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = connect(path, () => socket.end(request));
    socket.setTimeout(answerTime, () => socket.destroy(new Error("no answer in time")));
    socket.setEncoding("utf8").on("data", (chunk) => {
      text += chunk;
    });
    socket.on("error", reject);
    socket.on("end", () => (text === "" ? reject(new Error("an empty answer")) : resolve(text)));
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await run(process.argv[2] ?? "");
