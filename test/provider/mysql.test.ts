import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { KeyRecord } from "../../src/driver.ts";
import { mysql } from "../../src/provider/mysql.ts";
import { Secret } from "../../src/secret.ts";
import { driverContract } from "../contract/driver.ts";
import { hasMariaDb, type MariaDb, startMariaDb } from "../servers/mariadb.ts";
import { found } from "../servers/real.ts";

describe.runIf(found("MariaDB", hasMariaDb))("MariaDB of the system", () => {
  let server: MariaDb;
  beforeAll(async () => {
    server = await startMariaDb();
    await sql("create database orders", "create table orders.t (id int)", "create role reader", "grant select on orders.t to reader");
  });
  afterAll(() => server.stop());

  const context = () => ({ host: server.host, credential: server.credential, timeout: 4000 });
  const sql = (...statements: string[]) =>
    server.as(server.credential.reveal(), async (client) => {
      for (const statement of statements) await client.write(statement);
    });

  async function createUser(user = `app_${randomBytes(4).toString("hex")}`) {
    const secret = Secret.from(randomBytes(12).toString("base64url"));
    await sql(
      `create user ${user} identified by '${secret.reveal()}' with max_user_connections 9`,
      `grant insert on orders.* to ${user}`,
      `grant reader to ${user}`,
    );
    const [host = "", port = ""] = server.host.split(":");
    return { user, secret, attributes: { user, host, port } };
  }
  type App = Awaited<ReturnType<typeof createUser>>;

  async function named(leaked: App): Promise<KeyRecord> {
    const [record] = (await mysql.match?.(context(), leaked))?.records ?? [];
    if (record === undefined) throw new Error("expected a record");
    return record;
  }
  async function rotate(like: KeyRecord, name: string) {
    const prepared = await mysql.prepare?.(context(), { name, like, token: name });
    if (prepared === undefined) throw new Error("expected a value");
    await mysql.issue?.(context(), { name, like, token: name, prepared });
    const issued = await mysql.issue?.(context(), { name, like, token: name, prepared });
    if (issued === undefined) throw new Error("expected a credential");
    return issued;
  }
  const living = async (user: string) =>
    ((await mysql.list?.(context(), { attributes: {} })) ?? [])
      .filter(({ id, state }) => id.startsWith(user) && state === "active")
      .map(({ id }) => id);

  driverContract("MariaDB", async () => {
    const { user, secret, attributes } = await createUser();
    return { driver: mysql, context: context(), leaked: secret, attributes, living: () => living(user), stop: () => undefined };
  });

  test("the alternate account has the same rights, limits and roles, and the two take turns", async () => {
    const leaked = await createUser();
    const record = await named(leaked);
    const first = await rotate(record, "rekey-run-1");
    const login = `${leaked.user}_rekey:${first.secret.reveal()}`;
    await server.as(login, async (client) => {
      await client.write("insert into orders.t values (1)");
      await client.write("set role reader");
      expect(await client.read("select count(*) > 0 as some from orders.t")).toEqual([{ some: 1 }]);
    });
    const grants = (user: string) =>
      server.as(server.credential.reveal(), async (client) =>
        (await client.read(`show grants for ${user}`))
          .map((row) =>
            String(Object.values(row)[0])
              .replaceAll(user, "X")
              .replace(/ IDENTIFIED BY PASSWORD '.*?'/, ""),
          )
          .filter((line) => !line.includes("rekey-run"))
          .sort(),
      );
    expect(await grants(`${leaked.user}_rekey`)).toEqual(await grants(leaked.user));
    await mysql.revoke?.(context(), record, { attributes: {} });
    const second = await rotate(first.record, "rekey-run-2");
    expect(second.companions).toEqual({ username: leaked.user });
    expect(await mysql.probe(context(), { attributes: leaked.attributes, secret: second.secret })).toMatchObject({ answer: "alive" });
    expect(await mysql.probe(context(), leaked)).toEqual({ answer: "invalid", code: "1045" });
  });

  test("undoing takes back what the run set, once, and nothing that it did not", async () => {
    const leaked = await createUser();
    const record = await named(leaked);
    await rotate(record, "rekey-run-undo");
    expect(await mysql.discard?.(context(), { name: "rekey-run-undo", like: record })).toBe(1);
    expect(await mysql.discard?.(context(), { name: "rekey-run-undo", like: record })).toBe(0);
    expect(await living(leaked.user)).toEqual([`${leaked.user}@%`]);
  });

  test("an account that somebody else made under the alternate name is not touched", async () => {
    const leaked = await createUser();
    const theirs = await createUser(`${leaked.user}_rekey`);
    const like = await named(leaked);
    await expect(mysql.prepare?.(context(), { name: "rekey-run-t", like, token: "t" })).rejects.toMatchObject({ code: "alternate-in-use" });
    const prepared = { secret: Secret.from("x".repeat(20)), companions: { username: theirs.user } };
    await expect(mysql.issue?.(context(), { name: "rekey-run-t", like, token: "t", prepared })).rejects.toMatchObject({
      code: "alternate-in-use",
    });
    expect(await mysql.probe(context(), theirs)).toMatchObject({ answer: "alive" });
  });

  test("two accounts of one name from different hosts are two candidates, so that neither is ended", async () => {
    const leaked = await createUser();
    await sql(`create user ${leaked.user}@'10.0.0.1' identified by 'another-one-here'`);
    expect((await mysql.match?.(context(), leaked))?.records).toHaveLength(2);
  });

  test("a locked account is contained, and its open session ends", async () => {
    const leaked = await createUser();
    const record = await named(leaked);
    const open = server.as(`${leaked.user}:${leaked.secret.reveal()}`, async (client) => {
      await mysql.disable?.(context(), record);
      return client.read("select 1 as one");
    });
    await expect(open).rejects.toMatchObject({ name: "RetryError" });
    expect(await mysql.probe(context(), leaked)).toEqual({ answer: "disabled", code: "4151 account locked" });
  });

  test("a host that nobody pinned is not asked, and the account that Rekey works with is never ended", async () => {
    const leaked = await createUser();
    const attributes = { ...leaked.attributes, host: "db.attacker.example" };
    expect(await mysql.probe(context(), { ...leaked, attributes })).toEqual({ answer: "unknown", code: "not a pinned host" });
    const own: KeyRecord = { id: "rekey@127.0.0.1", state: "active", attributes: {} };
    await expect(mysql.revoke?.(context(), own, { attributes: {} })).rejects.toMatchObject({ code: "own-credential" });
  });
});
