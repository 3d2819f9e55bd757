import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Driver, DriverContext, Sink } from "../../src/driver.ts";
import type { PlannedSink } from "../../src/playbook/plan.ts";
import { awsIam } from "../../src/provider/aws-iam.ts";
import { postgresql } from "../../src/provider/postgresql.ts";
import { vaultToken } from "../../src/provider/vault-token.ts";
import { executeRun, startRun } from "../../src/rotation/run.ts";
import { fieldsOf, valueIn } from "../../src/rotation/stored-value.ts";
import { Secret } from "../../src/secret.ts";
import { awsSecretsManager } from "../../src/secret-manager/aws-secrets-manager.ts";
import { vault } from "../../src/secret-manager/vault.ts";
import { startOpenBao } from "../../src/stand-in/openbao.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { startMoto } from "../servers/moto.ts";
import { motoUsers } from "../servers/moto-users.ts";
import { startPostgres } from "../servers/postgres.ts";
import { postgresRoles } from "../servers/postgres-roles.ts";
import { real } from "../servers/real.ts";
import { dying } from "./dying.ts";
import { planOf, rig } from "./rig.ts";

/** The engine, a real provider and a real secret manager; nothing between them is ours. */
interface World {
  readonly driver: Driver;
  readonly playbook: string;
  readonly at: DriverContext;
  readonly sink: Sink;
  readonly store: DriverContext;
  readonly place: PlannedSink;
  /** What stands beside the credential in the secret manager. */
  readonly old: { readonly id: string; readonly secret: Secret; readonly companions: Record<string, string> };
  readonly attributes: Record<string, string>;
  /** Ids that live at the provider. */
  living(): Promise<string[]>;
}

const folder = mkdtempSync(join(tmpdir(), "rekey-real-"));
const bao = await real("OpenBao", () => startOpenBao());
const moto = await real("moto", startMoto);
let database: Database;
beforeAll(async () => {
  database = await openDatabase({ dataDir: join(folder, "db") });
});
const stops: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  await Promise.allSettled([bao?.stop(), moto?.stop(), database.close(), ...stops.map((stop) => stop())]);
  rmSync(folder, { recursive: true, force: true });
});

const kv = { host: bao?.url ?? "", ...(bao === undefined ? {} : { credential: bao.token }), timeout: 5000 };

async function postgresWorld(): Promise<World> {
  const server = await startPostgres();
  const roles = await postgresRoles(server);
  stops.push(() => roles.stop().then(() => server.stop()));
  const { user, secret, attributes } = await roles.createApp();
  return {
    driver: postgresql,
    playbook: "postgresql-role",
    at: roles.context,
    sink: vault,
    store: kv,
    place: { connection: "store", sink: "vault", path: `secret/${user}`, field: "DATABASE_URL", format: "url" },
    old: { id: user, secret, companions: { username: user } },
    attributes,
    living: () => roles.living(user),
  };
}

async function awsWorld(): Promise<World> {
  if (moto === undefined) throw new Error("moto is missing");
  const iam = await motoUsers(moto);
  const { user, id, secret } = await iam.createUser();
  return {
    driver: awsIam,
    playbook: "aws-iam-access-key",
    at: iam.context,
    sink: awsSecretsManager,
    store: iam.context,
    place: {
      connection: "store",
      sink: "aws-secrets-manager",
      path: `agents/${user}`,
      field: "SECRET",
      companions: { access_key_id: "ID" },
    },
    old: { id, secret, companions: { access_key_id: id } },
    attributes: { id, principal: user },
    living: () => iam.keys(user),
  };
}

async function vaultWorld(): Promise<World> {
  const like = { id: "x", state: "active", attributes: { policies: "default" } } as const;
  const issued = await vaultToken.issue?.(kv, { name: "rekey-seed", like, token: "seed" });
  if (issued === undefined) throw new Error("expected a token");
  const before = new Set((await vaultToken.list?.(kv, { attributes: {} }))?.map(({ id }) => id));
  before.delete(issued.record.id);
  return {
    driver: vaultToken,
    playbook: "vault-token",
    at: kv,
    sink: vault,
    store: kv,
    place: { connection: "store", sink: "vault", path: "secret/agents/token", field: "VAULT_TOKEN" },
    old: { id: issued.record.id, secret: issued.secret, companions: {} },
    attributes: {},
    living: async () => ((await vaultToken.list?.(kv, { attributes: {} })) ?? []).map(({ id }) => id).filter((id) => !before.has(id)),
  };
}

const worlds = [
  ["a PostgreSQL role, stored in OpenBao as a URL", postgresWorld, bao !== undefined],
  ["an AWS access key, stored in AWS Secrets Manager with its id", awsWorld, moto !== undefined],
  ["a Vault token, stored in OpenBao", vaultWorld, bao !== undefined],
] as const;

describe.each(worlds)("%s", (_name, start, possible) => {
  test.runIf(possible)("goes from leaked to proven dead, and what the secret manager holds works at every moment", async () => {
    const world = await start();
    const { driver, at, sink, store, place, old, attributes } = world;
    const url = Secret.from(`postgresql://${attributes["user"] ?? "x"}:x@db.internal:5432/app`);
    await sink.scratch?.create(store, place.path);
    await sink.pend(store, place, "seed", fieldsOf(place, old, { [place.field ?? ""]: url }));
    await sink.promote(store, place, "seed", (await sink.read(store, place))?.version ?? "0");
    await sink.drop(store, place, "seed");

    const stored = async () => {
      const value = valueIn(place, (await sink.read(store, place))?.fields);
      if (value === undefined) throw new Error("the secret manager holds nothing");
      return value;
    };
    const broken: string[] = [];
    const watch = async () => {
      const { secret, companions } = await stored();
      const { answer, code } = await driver.probe(at, { attributes: { ...attributes, ...companions }, secret });
      if (answer !== "alive") broken.push(code);
    };
    const { deps, receipts, events } = rig({
      database,
      driver,
      at,
      sink,
      store,
      leaked: old.secret.reveal(),
      sleep: async () => undefined,
      wrap: (journal) => dying(journal, 0, "after", watch).journal,
    });
    const facts = {
      attributes,
      sinks: [place],
      consumers: [{ name: "triage", report: "version" }] as const,
      named: { id: old.id, grade: "confirmed" } as const,
    };
    const plan = planOf(old.id, facts, world.playbook, driver);
    expect(plan.blockers).toEqual([]);
    const run = await startRun(deps, plan);
    expect(await executeRun(deps, run)).toMatchObject({ state: "done" });

    expect(broken).toEqual([]);
    expect(await driver.probe(at, { attributes, secret: old.secret })).toMatchObject({ answer: "invalid" });
    await watch();
    expect(broken).toEqual([]);
    expect(events.map(({ type }) => type)).toContain("dead");
    expect(receipts.filter(({ subject, answer }) => subject === "control" && answer === "alive")).toHaveLength(3);
    const issued = (await deps.journal.effects(run)).find(({ key }) => key === "issue")?.result as { record: { id: string } };
    expect(await world.living(), "one live credential, known to the journal").toEqual([issued.record.id]);
    expect(await sink.readPending(store, place, run)).toBeUndefined();
  });
});
