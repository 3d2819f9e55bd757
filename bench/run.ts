/**
 * `node bench/run.ts [folder] [repository]`: what the README quotes. Everything is measured in this run, on this machine; ratios are
 * against git itself in the same run. Without arguments: this checkout's node_modules and its own history.
 */
import { spawnSync } from "node:child_process";
import { createHmac, randomBytes, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadRuleset } from "../src/config/detectors.ts";
import { ingest } from "../src/github/ingest.ts";
import { scan } from "../src/scan/scan.ts";
import { scopeSalt } from "../src/secret.ts";
import { scanHistory } from "../src/source/history.ts";
import { scanTree } from "../src/source/tree.ts";
import { openDatabase } from "../src/store/database.ts";
import { recordDelivery } from "../src/store/deliveries.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = process.argv[2] ?? join(root, "node_modules");
const repository = process.argv[3] ?? root;
const seconds = (since: number) => (performance.now() - since) / 1000;

console.log(`node ${process.version}, ${cpus().length} cores, ${cpus()[0]?.model ?? "unknown processor"}`);
const ruleset = await loadRuleset();
const keyring = { tenant: [], salts: [scopeSalt(".")] };
const scanned = (document: Parameters<typeof scan>[0]) => scan(document, ruleset, keyring);
console.log(`${ruleset.detectors.length} detectors, ${ruleset.engine}`);

let start = performance.now();
const tree = scanTree(folder, { scan: scanned });
const treeTime = seconds(start);
console.log(
  `tree: ${tree.stats.files} files, ${(tree.stats.bytes / 1e6).toFixed(0)} MB in ${treeTime.toFixed(1)} s = ${(tree.stats.bytes / 1e6 / treeTime).toFixed(0)} MB/s on one core, ${tree.findings.length} findings`,
);

start = performance.now();
const history = await scanHistory({ cwd: repository, scan: scanned });
const historyTime = seconds(start);
start = performance.now();
spawnSync("sh", ["-c", "git cat-file --batch-all-objects --batch > /dev/null"], { cwd: repository });
const catFile = seconds(start);
console.log(
  `history: ${history.stats.files} blobs and messages, ${(history.stats.bytes / 1e6).toFixed(0)} MB in ${historyTime.toFixed(2)} s = ${(history.stats.bytes / 1e6 / historyTime).toFixed(0)} MB/s; git cat-file of everything alone ${catFile.toFixed(2)} s (${((100 * catFile) / historyTime).toFixed(0)} % of it)`,
);
console.log(`peak memory so far: ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MB`);

const data = mkdtempSync(join(tmpdir(), "rekey-bench-"));
const database = await openDatabase({ dataDir: data });
const secret = randomBytes(24).toString("hex");
const body = JSON.stringify({
  action: "opened",
  number: 1,
  installation: { id: 1 },
  repository: { id: 1, full_name: "a/b", private: true, default_branch: "main" },
  filler: "x".repeat(20_000),
});
const signature = `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
const count = 500;
start = performance.now();
for (let delivery = 0; delivery < count; delivery++) {
  const headers = { "x-hub-signature-256": signature, "x-github-delivery": randomUUID(), "x-github-event": "pull_request" };
  const record = ({ guid, event, fields }: { guid: string; event: string; fields: object }) =>
    database.db.transaction().execute((trx) => recordDelivery(trx, { guid, event, fields: { ...fields } }));
  await ingest(new Request("http://127.0.0.1/", { method: "POST", body, headers }), { secrets: [secret], record });
}
console.log(
  `ingest: ${(count / seconds(start)).toFixed(0)} webhooks of 20 KB a second, each verified and durable in the embedded database (one at a time)`,
);
await database.close();
rmSync(data, { recursive: true, force: true });

const demo = spawnSync(process.execPath, [join(root, "src/cli.ts"), "demo", "--exit", "--json"], { encoding: "utf8" });
if (demo.status !== 0) throw new Error(`the demo failed: ${demo.stderr}`);
const { timeline, secondsToDead, consumer } = JSON.parse(demo.stdout) as {
  timeline: Record<string, string>;
  secondsToDead: number;
  consumer: { calls: number; failed: number };
};
const between = (from: string, to: string) => ((Date.parse(timeline[to] ?? "") - Date.parse(timeline[from] ?? "")) / 1000).toFixed(1);
console.log(
  `demo: push to detected ${between("exposed", "detected")} s, detected to verified dead ${secondsToDead.toFixed(1)} s (10 s of it are the probes' spacing), ${consumer.calls} calls of the agent, ${consumer.failed} failed`,
);
