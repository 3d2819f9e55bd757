/** One worker in a process of its own: runs what it is told, and dies by SIGKILL at the n-th write of the journal. */

import type { Journal } from "../../src/rotation/journal.ts";
import { executeRun, startRun } from "../../src/rotation/run.ts";
import { Secret } from "../../src/secret.ts";
import { vault } from "../../src/secret-manager/vault.ts";
import { openDatabase } from "../../src/store/database.ts";
import { expireLease, place, planOf, rig } from "./rig.ts";

const order = JSON.parse(process.env["ORDER"] ?? "{}") as {
  database: { dataDir: string } | { url: string };
  provider: { url: string; managementKey: string };
  store: { url: string; token: string };
  leaked: { hash: string; value: string };
  /** Absent: start one. */
  run?: string;
  dieAt: number;
};

const database = await openDatabase(order.database);
let writes = 0;
const deadly =
  <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
  async (...args: A): Promise<R> => {
    const result = await call(...args);
    writes++;
    if (writes === order.dieAt) process.kill(process.pid, "SIGKILL");
    return result;
  };
const { deps } = rig({
  database,
  provider: order.provider,
  sink: vault,
  store: { host: order.store.url, credential: Secret.from(order.store.token), timeout: 5000 },
  leaked: order.leaked.value,
  wrap: (journal: Journal) => ({
    ...journal,
    intend: deadly(journal.intend),
    send: deadly(journal.send),
    settle: deadly(journal.settle),
    finish: deadly(journal.finish),
  }),
});
const run =
  order.run ??
  (await startRun(
    deps,
    planOf(order.leaked.hash, { sinks: [{ ...place, sink: "vault", path: `secret/agents/${order.leaked.hash.slice(0, 12)}` }] }),
  ));
process.stdout.write(`${run}\n`);
if (order.run !== undefined) await expireLease(database, run);
const ended = await executeRun(deps, run);
process.stdout.write(`${ended?.state}\n`);
if (ended?.state === "held") process.stderr.write(`${ended.code}: ${ended.message}\n`);
await database.close();
