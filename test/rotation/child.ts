/**
 * One worker in a process of its own: runs what it is told, and dies by SIGKILL at the n-th write of the journal, or stops itself
 * (SIGSTOP) once an effect is intended and not yet sent. It says `call NAME` before each call that changes something outside.
 */

import { writeSync } from "node:fs";
import type { PlannedSink } from "../../src/playbook/plan.ts";
import { openrouter } from "../../src/provider/openrouter.ts";
import { portkey } from "../../src/provider/portkey.ts";
import { postgresql } from "../../src/provider/postgresql.ts";
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
  /** Instead of OpenRouter: the leaked credential is a PostgreSQL role's, stored as a URL. */
  postgresql?: { host: string; login: string; attributes: Record<string, string>; place: PlannedSink };
  /** Instead of OpenRouter: a Portkey key, which is given a new value. */
  portkey?: { host: string; adminKey: string; place: PlannedSink };
  /** Absent: start one. */
  run?: string;
  dieAt: number;
  /** Key of the effect. */
  stopAt?: string;
};

const say = (line: string) => writeSync(1, `${line}\n`);
const traced = <T extends object>(object: T, verbs: readonly string[]): T =>
  Object.fromEntries(
    Object.entries(object).map(([name, value]) => [
      name,
      typeof value === "function" && verbs.includes(name)
        ? (...args: unknown[]) => {
            say(`call ${name}`);
            return value.apply(object, args);
          }
        : value,
    ]),
  ) as T;

const role = order.postgresql;
const rolled = order.portkey;
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
  ...(role === undefined ? {} : { at: { host: role.host, credential: Secret.from(role.login), timeout: 5000 } }),
  ...(rolled === undefined ? {} : { at: { host: rolled.host, credential: Secret.from(rolled.adminKey), timeout: 5000 } }),
  driver: traced(rolled !== undefined ? portkey : role === undefined ? openrouter : postgresql, [
    "issue",
    "roll",
    "discard",
    "disable",
    "enable",
    "revoke",
  ]),
  sink: traced(vault, ["pend", "promote", "restore", "drop"]),
  store: { host: order.store.url, credential: Secret.from(order.store.token), timeout: 5000 },
  leaked: order.leaked.value,
  wrap: (journal: Journal) => ({
    ...journal,
    intend: async (lease, effect) => {
      await deadly(journal.intend)(lease, effect);
      if (effect.key !== order.stopAt) return;
      say("stopping");
      process.kill(process.pid, "SIGSTOP");
    },
    send: deadly(journal.send),
    settle: deadly(journal.settle),
    finish: deadly(journal.finish),
  }),
});
const run =
  order.run ??
  (await startRun(
    deps,
    rolled !== undefined
      ? planOf(order.leaked.hash, { sinks: [rolled.place], grace: 1000 }, "portkey-key", portkey)
      : role === undefined
        ? planOf(order.leaked.hash, { sinks: [{ ...place, sink: "vault", path: `secret/agents/${order.leaked.hash.slice(0, 12)}` }] })
        : planOf(order.leaked.hash, { sinks: [role.place], attributes: role.attributes }, "postgresql-role", postgresql),
  ));
say(run);
if (order.run !== undefined) await expireLease(database, run);
const ended = await executeRun(deps, run);
say(ended?.state ?? "no lease");
if (ended?.state === "held") process.stderr.write(`${ended.code}: ${ended.message}\n`);
await database.close();
