import { chmodSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { loadRuleset } from "../../config/detectors.ts";
import { scan } from "../../scan/scan.ts";
import { scopeSalt } from "../../secret.ts";
import { answer, type Client } from "./agent-protocol.ts";
import { type Judged, reporter } from "./report.ts";

const idle = 15 * 60_000;
const maxBytes = 32 << 20;

/** Answers hook calls on a unix socket of this user until nobody has asked for a while. Keeps and logs nothing. */
export async function serve(path: string, idleMs = idle, report = reporter()): Promise<() => void> {
  const ruleset = await loadRuleset();
  const keyring = { tenant: [], salts: [scopeSalt(".")] };
  const scanText = (text: string) => scan({ bytes: Buffer.from(text), origin: { kind: "stdin" } }, ruleset, keyring);
  scanText("KEY=warm\n");
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    timer.refresh();
    const chunks: Buffer[] = [];
    let size = 0;
    socket.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBytes) socket.end(JSON.stringify({ problem: `more than ${maxBytes} bytes` }));
      else chunks.push(chunk);
    });
    socket.on("error", () => socket.destroy());
    socket.on("end", () => {
      if (size > maxBytes) return;
      const judged: Judged[] = [];
      // the answer goes first: what the server is told never keeps a client waiting
      socket.end(reply(Buffer.concat(chunks).toString("utf8"), scanText, judged), () => {
        for (const one of judged) void report(one);
      });
    });
  });
  const stop = () => {
    clearTimeout(timer);
    server.close();
    rmSync(path, { force: true });
  };
  const timer = setTimeout(stop, idleMs);
  await listen(server, path).catch((error: unknown) => {
    clearTimeout(timer);
    throw error;
  });
  return stop;
}

function reply(request: string, scanText: Parameters<typeof answer>[2], judged: Judged[]): string {
  try {
    const { client, event, allow } = JSON.parse(request) as { client: Client; event: string; allow?: string };
    if (!["claude-code", "cursor", "codex"].includes(client)) return JSON.stringify({ problem: "expected claude-code, cursor or codex" });
    const reason = allow !== undefined && allow.trim().length >= 3 ? allow.trim().slice(0, 200) : undefined;
    const said = answer(client, JSON.parse(event) as Record<string, unknown>, scanText, reason, (one) => judged.push(one));
    return JSON.stringify(said === undefined ? {} : { stdout: `${JSON.stringify(said)}\n` });
  } catch {
    return JSON.stringify({ problem: "the event is not the JSON of a hook" }); // the error's own text could hold a value
  }
}

/** Two first calls start two processes: the one that comes second to the socket leaves. */
function listen(server: ReturnType<typeof createServer>, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const old = process.umask(0o177);
    server.once("error", reject);
    server.listen(path, () => {
      process.umask(old);
      chmodSync(path, 0o600);
      resolve();
    });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url) && process.argv[2] !== undefined) {
  const [, , path] = process.argv;
  await serve(path).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== "EADDRINUSE" || (await isAnswered(path))) process.exit(0);
    rmSync(path, { force: true }); // left behind by a process that was killed
    await serve(path);
  });
}

async function isAnswered(path: string): Promise<boolean> {
  const { connect } = await import("node:net");
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}
