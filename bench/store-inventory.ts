/**
 * `node bench/store-inventory.ts [entries]`: what the inventory of a secret manager costs, with 100,000 entries of a store in memory and the
 * embedded database, without the pace that a real store is read at; and a look-up of one value afterwards.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadRuleset } from "../src/config/detectors.ts";
import { parseServerConfig } from "../src/config/server.ts";
import type { DriverContext, Sink } from "../src/driver.ts";
import { silentLog } from "../src/log.ts";
import type { Rekey } from "../src/pipeline/context.ts";
import { readStore } from "../src/pipeline/store-inventory.ts";
import { fingerprint, fingerprintKey, Secret, scopeSalt } from "../src/secret.ts";
import { openDatabase } from "../src/store/database.ts";
import { storeRowsWith } from "../src/store/store-inventory.ts";

const entries = Number(process.argv[2] ?? 100_000);
const keys = [fingerprintKey(randomBytes(32))];
const wanted = `sk-or-v1-${randomBytes(32).toString("hex")}`;
let stopAfter = entries / 2;

const sink = {
  async *entries(_context: DriverContext, skip: (path: string) => boolean = () => false) {
    for (let at = 0; at < entries; at++) {
      const path = `secret/team-${at % 500}/entry-${String(at).padStart(6, "0")}`;
      if (skip(path)) continue;
      if (at >= stopAfter) throw new Error("cut off");
      const value = at === entries - 1 ? wanted : `sk-or-v1-${randomBytes(32).toString("hex")}`;
      yield { path, field: "KEY", version: "1", secret: Secret.from(value), tags: {} };
    }
  },
} as unknown as Sink;

const folder = mkdtempSync(join(tmpdir(), "rekey-inventory-"));
const database = await openDatabase({ dataDir: folder });
const config = parseServerConfig('connections: { main: { type: vault, host: "http://127.0.0.1:1" } }\n', "rekey.yml");
const unpaced = { ...config, connections: { main: { ...config.connections["main"], inventory_rate: 1e9 } } };
const rekey = {
  config: unpaced,
  database,
  ruleset: await loadRuleset(),
  fingerprintKeys: keys,
  sinkFor: () => sink,
  log: silentLog,
} as unknown as Rekey;
try {
  for (const part of ["cut off half-way", "gone on to the end"]) {
    const start = performance.now();
    const whole = await readStore(rekey, "main");
    const seconds = (performance.now() - start) / 1000;
    console.log(
      `${entries} entries, ${part}${whole ? "" : " (as planned)"}: ${seconds.toFixed(1)} s, ${(entries / 2 / seconds).toFixed(0)} entries a second, ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB`,
    );
    stopAfter = Number.POSITIVE_INFINITY;
  }
  const asked = performance.now();
  const print = fingerprint(Secret.from(wanted), { tenant: keys, salts: [scopeSalt("x")] });
  const found = await storeRowsWith(database.db, "github.com", [print]);
  console.log(`looked one value up in ${(performance.now() - asked).toFixed(0)} ms: ${found.length} place`);
} finally {
  await database.close();
  rmSync(folder, { recursive: true, force: true });
}
