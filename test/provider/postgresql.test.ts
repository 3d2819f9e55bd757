import { afterAll, beforeAll, expect, test } from "vitest";
import type { Issued, IssueRequest, KeyRecord } from "../../src/driver.ts";
import { postgresql } from "../../src/provider/postgresql.ts";
import { Secret } from "../../src/secret.ts";
import { driverContract } from "../contract/driver.ts";
import { type Postgres, startPostgres } from "../servers/postgres.ts";
import { type PostgresRoles, postgresRoles } from "../servers/postgres-roles.ts";

let server: Postgres;
let roles: PostgresRoles;
beforeAll(async () => {
  server = await startPostgres();
  roles = await postgresRoles(server);
});
afterAll(async () => {
  await roles.stop();
  await server.stop();
});

driverContract("PostgreSQL", async () => {
  const { user, secret, attributes } = await roles.createApp();
  return {
    driver: postgresql,
    context: roles.context,
    leaked: secret,
    attributes,
    living: () => roles.living(user),
    stop: () => undefined,
  };
});

type App = Awaited<ReturnType<PostgresRoles["createApp"]>>;

async function recordOf({ user }: Pick<App, "user">): Promise<KeyRecord> {
  const found = (await postgresql.list?.(roles.context, { attributes: {} }))?.find(({ id }) => id === user);
  if (found === undefined) throw new Error("expected a record");
  return found;
}

async function rotate(app: Pick<App, "user">, name: string): Promise<Issued & { request: IssueRequest }> {
  const like = await recordOf(app);
  const request: IssueRequest = { name, like, token: name };
  const prepared = await postgresql.prepare?.(roles.context, request);
  if (prepared === undefined) throw new Error("expected a prepared value");
  const issued = await postgresql.issue?.(roles.context, { ...request, prepared });
  if (issued === undefined) throw new Error("expected a credential");
  return { ...issued, request: { ...request, prepared } };
}

const probe = (attributes: Record<string, string>, secret: Secret) => postgresql.probe(roles.context, { attributes, secret });

test("the alternate role acts as the leaked one, with its settings, and what it makes belongs to it", async () => {
  const app = await roles.createApp();
  const issued = await rotate(app, "rekey-run-equal");
  expect(issued.companions).toEqual({ username: `${app.user}_rekey` });
  const session = await roles.session(`${app.user}_rekey`, issued.secret.reveal());
  const made = `${app.user}_made`;
  await session.query(`insert into ${app.user}_orders values (1); create schema ${app.user}_s`).catch(() => undefined);
  await roles.sql(`grant create on schema public to ${app.user}`);
  await session.query(`create table ${made} (id int); insert into ${app.user}_orders values (2)`);
  const { rows } = await session.query(
    "select current_user as me, session_user as login, current_setting('search_path') as path, current_setting('statement_timeout') as time",
  );
  await session.end();
  expect(rows).toEqual([{ me: app.user, login: `${app.user}_rekey`, path: '"$user", public', time: "7s" }]);
  expect(await roles.sql(`select tableowner from pg_tables where tablename = '${made}'`)).toEqual([{ tableowner: app.user }]);
});

test("the password reaches the server in its stored form only", async () => {
  const app = await roles.createApp();
  const issued = await rotate(app, "rekey-run-stored");
  const [row] = await roles.sql(`select rolpassword from pg_authid where rolname = '${app.user}_rekey'`);
  expect(String(row?.["rolpassword"])).toMatch(/^SCRAM-SHA-256\$4096:/);
  expect(JSON.stringify(await roles.sql("select query from pg_stat_activity"))).not.toContain(issued.secret.reveal());
});

test("setting a staged value again changes nothing, and undoing it removes the role once", async () => {
  const app = await roles.createApp();
  const { request, secret, companions } = await rotate(app, "rekey-run-again");
  await postgresql.issue?.(roles.context, request);
  expect(await probe({ ...app.attributes, ...companions }, secret)).toMatchObject({ answer: "alive" });
  expect(await postgresql.discard?.(roles.context, { name: "rekey-run-again", like: request.like, companions })).toBe(1);
  expect(await postgresql.discard?.(roles.context, { name: "rekey-run-again", like: request.like, companions })).toBe(0);
  expect(await roles.living(app.user)).toEqual([app.user]);
  expect(await roles.sql(`select 1 from pg_roles where rolname = '${app.user}_rekey'`)).toEqual([]);
});

test("a rehearsal leaves no role behind", async () => {
  const like: KeyRecord = { id: "rekey-rehearsal-1", state: "active", attributes: { rehearsal: "yes" } };
  const request: IssueRequest = { name: like.id, like, token: "t" };
  const prepared = await postgresql.prepare?.(roles.context, request);
  if (prepared === undefined) throw new Error("expected a prepared value");
  const old = await postgresql.issue?.(roles.context, { ...request, prepared });
  const seed = await recordOf({ user: old?.record.id ?? "" });
  const { companions } = await rotate({ user: seed.id }, "rekey-run-rehearsed");
  await postgresql.revoke?.(roles.context, seed, { attributes: {} });
  await postgresql.discard?.(roles.context, { name: "rekey-run-rehearsed", like: seed, companions });
  await postgresql.discard?.(roles.context, { name: like.id, like, companions: prepared.companions });
  expect(await roles.sql("select rolname from pg_roles where rolname like 'rekey-rehearsal%'")).toEqual([]);
});

test("the users alternate: when the second leaks, the first comes back with a new password", async () => {
  const app = await roles.createApp();
  const first = await rotate(app, "rekey-run-1");
  await postgresql.revoke?.(roles.context, await recordOf(app), { attributes: {} });
  const second = await rotate({ user: `${app.user}_rekey` }, "rekey-run-2");
  expect(second.companions).toEqual({ username: app.user });
  expect(await probe(app.attributes, second.secret)).toMatchObject({ answer: "alive" });
  await postgresql.revoke?.(roles.context, await recordOf({ user: `${app.user}_rekey` }), { attributes: {} });
  expect(await probe({ ...app.attributes, ...first.companions }, first.secret)).toEqual({ answer: "invalid", code: "28P01" });
  expect(await roles.living(app.user)).toEqual([app.user]);
  const third = await rotate(app, "rekey-run-3");
  expect(third.companions).toEqual({ username: `${app.user}_rekey` });
});

test("a role that somebody else made under the alternate name is not touched", async () => {
  const app = await roles.createApp();
  const theirs = await roles.createApp(`${app.user}_rekey`);
  const request = { name: "rekey-run-theirs", like: await recordOf(app), token: "t" };
  await expect(postgresql.prepare?.(roles.context, request)).rejects.toMatchObject({ code: "alternate-in-use" });
  const prepared = { secret: Secret.from("x".repeat(20)), companions: { username: theirs.user } };
  await expect(postgresql.issue?.(roles.context, { ...request, prepared })).rejects.toMatchObject({ code: "alternate-in-use" });
  expect(await probe(theirs.attributes, theirs.secret)).toMatchObject({ answer: "alive" });
});

test("an open session ends with the right to log in, and its address was seen before", async () => {
  const app = await roles.createApp();
  const session = await roles.session(app.user, app.secret.reveal());
  const window = { from: new Date(0).toISOString(), to: new Date().toISOString() };
  const usage = await postgresql.usage?.(roles.context, await recordOf(app), window);
  expect(usage).toMatchObject({ complete: false, seen: [{ by: expect.stringContaining("127.0.0.1"), count: 1 }] });
  const over = new Promise((resolve) => session.once("end", resolve));
  await postgresql.disable?.(roles.context, await recordOf(app));
  await over;
  expect(await probe(app.attributes, app.secret)).toEqual({ answer: "disabled", code: "28000 NOLOGIN" });
});

test("a database that does not exist proves nothing", async () => {
  const app = await roles.createApp();
  expect(await probe({ ...app.attributes, database: "absent" }, app.secret)).toEqual({ answer: "unknown", code: "3D000" });
});

test("a leaked URL to a host that nobody pinned is never asked, whatever it answers", async () => {
  const app = await roles.createApp();
  for (const elsewhere of [{ host: "db.attacker.example" }, { host: "localhost" }, { port: "5999" }]) {
    expect(await probe({ ...app.attributes, ...elsewhere }, app.secret)).toEqual({ answer: "unknown", code: "not a pinned host" });
    expect(await postgresql.match?.(roles.context, { attributes: { ...app.attributes, ...elsewhere }, secret: app.secret })).toMatchObject({
      records: [],
    });
  }
});

test("another name of the same server, pinned as a target, names the same role", async () => {
  const app = await roles.createApp();
  const context = { ...roles.context, targets: ["localhost"] };
  const attributes = { ...app.attributes, host: "localhost" };
  expect(await postgresql.match?.(context, { attributes, secret: app.secret })).toMatchObject({
    grade: "confirmed",
    records: [{ id: app.user }],
  });
});

test("another server with the same user and password is another credential", async () => {
  const other = await startPostgres();
  const elsewhere = await postgresRoles(other);
  try {
    const app = await roles.createApp();
    const { port } = new URL(other.url);
    await elsewhere.sql(`create role ${app.user} login password '${app.secret.reveal()}'`);
    const context = { ...roles.context, targets: [`127.0.0.1:${port}`] };
    const attributes = { ...app.attributes, port };
    expect(await postgresql.probe(context, { attributes, secret: app.secret })).toMatchObject({ answer: "alive" });
    expect(await postgresql.match?.(context, { attributes, secret: app.secret })).toMatchObject({ records: [] });
  } finally {
    await elsewhere.stop();
    await other.stop();
  }
});

test("the password of a URL may be percent-encoded", async () => {
  const app = await roles.createApp();
  await roles.sql(`alter role ${app.user} password 'a b/c%d'`);
  expect(await probe(app.attributes, Secret.from(encodeURIComponent("a b/c%d")))).toMatchObject({ answer: "alive" });
  expect(await probe(app.attributes, Secret.from("a b/c%d"))).toMatchObject({ answer: "alive" });
});

test("a connection without the rights is told so, and the role that Rekey works with is never ended", async () => {
  const app = await roles.createApp();
  const weak = await roles.createApp();
  const context = { ...roles.context, credential: Secret.from(`${weak.user}:${weak.secret.reveal()}`) };
  await expect(postgresql.revoke?.(context, await recordOf(app), { attributes: {} })).rejects.toMatchObject({ code: "connection-refused" });
  await expect(postgresql.revoke?.(context, await recordOf(weak), { attributes: {} })).rejects.toMatchObject({ code: "own-credential" });
  expect(await postgresql.check?.(context, ["CREATEROLE", "SELECT on pg_authid"])).toEqual([
    { right: "CREATEROLE", state: "missing" },
    { right: "SELECT on pg_authid", state: "missing" },
  ]);
});

test("a server that is away says unknown, and a list of it is an error", async () => {
  const app = await roles.createApp();
  const context = { ...roles.context, host: "127.0.0.1:9", timeout: 500 };
  expect(await postgresql.probe(context, { attributes: { ...app.attributes, port: "9" }, secret: app.secret })).toMatchObject({
    answer: "unknown",
  });
  await expect(postgresql.list?.(context, { attributes: {} })).rejects.toMatchObject({ name: "RetryError" });
});
