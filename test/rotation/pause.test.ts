import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, test as always, beforeAll, expect } from "vitest";
import { vault } from "../../src/secret-manager/vault.ts";
import { ensureOpenBao, type OpenBao, startOpenBao } from "../../src/stand-in/openbao.ts";
import { type OpenRouter, startOpenRouter } from "../../src/stand-in/openrouter.ts";
import { startPostgres } from "../servers/postgres.ts";
import { real } from "../servers/real.ts";
import { place } from "./rig.ts";

const test = always.runIf((await real("OpenBao", () => ensureOpenBao())) !== undefined && process.platform === "linux");

const child = fileURLToPath(new URL("./child.ts", import.meta.url));
let provider: OpenRouter;
let store: OpenBao;
let postgres: Awaited<ReturnType<typeof startPostgres>>;
beforeAll(async () => {
  [provider, store, postgres] = await Promise.all([startOpenRouter(), startOpenBao(), startPostgres()]);
});
afterAll(async () => {
  await Promise.allSettled([provider.stop(), store.stop(), postgres.stop()]);
});

interface Worker {
  readonly process: ChildProcess;
  readonly lines: string[];
  readonly ended: Promise<number | null>;
}

function worker(order: object): Worker {
  const started = spawn(process.execPath, [child], {
    env: { ...process.env, ORDER: JSON.stringify(order) },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: string[] = [];
  started.stdout.on("data", (chunk: Buffer) => lines.push(...chunk.toString("utf8").split("\n").filter(Boolean)));
  return { process: started, lines, ended: new Promise((resolve) => started.once("close", resolve)) };
}

/** The kernel says that the process stands still. */
async function stopped({ process: { pid }, lines, ended }: Worker): Promise<void> {
  let over = false;
  void ended.then(() => {
    over = true;
  });
  for (;;) {
    if (over) throw new Error(`the worker ended before it stopped: ${lines.join(" ")}`);
    if (/^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test.each([
  ["issue", "issue"],
  ["promote-0", "promote"],
  ["revoke", "revoke"],
])(
  "a worker that stood still between intending and sending '%s' is refused its next effect when another has taken over (I6)",
  { timeout: 120_000 },
  async (stopAt, verb) => {
    const key = provider.createKey(`triage-${stopAt}`);
    const at = { ...place, path: `secret/agents/${key.hash.slice(0, 12)}` };
    const context = { host: store.url, credential: store.token, timeout: 5000 };
    await vault.pend(context, at, "seed", { [place.field]: key.secret });
    await vault.promote(context, at, "seed", "0");
    await vault.drop(context, at, "seed");
    const before = new Set(provider.keys().map(({ hash }) => hash));
    const order = {
      database: { url: postgres.url },
      provider: { url: provider.url, managementKey: provider.managementKey.reveal() },
      store: { url: store.url, token: store.token.reveal() },
      leaked: { hash: key.hash, value: key.secret.reveal() },
      dieAt: 0,
    };

    const stale = worker({ ...order, stopAt });
    await stopped(stale);
    const [run = ""] = stale.lines;
    const successor = worker({ ...order, run });
    await successor.ended;
    expect(successor.lines.at(-1)).toBe("done");
    expect(successor.lines).toContain(`call ${verb}`);
    const version = (await vault.read(context, at))?.version;

    const said = stale.lines.length;
    stale.process.kill("SIGCONT");
    expect(await stale.ended).toBe(0);
    expect(stale.lines.slice(said), "it sends nothing more, and sees that the run is done without it").toEqual(["done"]);

    const live = provider.keys().filter(({ hash }) => !before.has(hash) || hash === key.hash);
    expect(live).toHaveLength(1);
    const current = await vault.read(context, at);
    expect(current?.version, "nobody wrote after the successor").toBe(version);
    const hash = createHash("sha256").update(current?.fields[place.field]?.reveal() ?? "");
    expect(hash.digest("hex")).toBe(live[0]?.hash);
  },
);
