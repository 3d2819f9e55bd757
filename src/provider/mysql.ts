import { createHash, randomBytes } from "node:crypto";
import { z } from "zod";
import { addressOf, loginOf } from "../connection/address.ts";
import { type MysqlClient, mysqlPort, tryMysql, withMysql } from "../connection/mysql.ts";
import type { Driver, DriverContext, KeyRecord, ProbeResult } from "../driver.ts";
import { HoldError, RetryError } from "../errors.ts";
import { Secret } from "../secret.ts";
import { ownName } from "./answer.ts";
import { databaseManifest, inUse, leakedLogin, notOurselves, onThisServer, readings } from "./database.ts";

/**
 * MariaDB accounts, by alternating users: `app_rekey` gets the grants of `app`, from the same hosts; when it leaks, `app` comes back. The
 * leaked account stays, locked and with the password `invalid` (which no password hashes to), since views and routines may be defined
 * by it. Only the hash of a new password is sent. 1045 is also said to another host, so death needs the account's row (rotation.md 12.4).
 *
 * MariaDB keeps no comment on an account: a role without rights, named by the run and granted to the account, says that we set it.
 */
export const mysql: Driver = {
  manifest: databaseManifest({
    type: "mysql/account",
    name: "MariaDB account",
    detectors: ["mysql-url"],
    overlap: 2,
    propagation: { create: 1_000, revoke: 2_000 },
    companions: ["username"],
    locks: true,
    pages: { revoke: "https://mariadb.com/kb/en/alter-user/" },
    rights: {
      list: ["SELECT ON mysql.*"],
      issue: ["CREATE USER ON *.*", "the rights of the accounts, WITH GRANT OPTION"],
      disable: ["CREATE USER ON *.*", "CONNECTION ADMIN ON *.*", "PROCESS ON *.*"],
      revoke: ["CREATE USER ON *.*", "CONNECTION ADMIN ON *.*", "PROCESS ON *.*"],
    },
    rehearsal: { rehearsal: "yes" },
  }),

  async match(context, { attributes, secret }) {
    const { user, at } = leakedLogin(context, attributes, mysqlPort);
    if (secret === undefined || user === undefined || at === undefined) return { records: [], grade: "weak" };
    onThisServer(context, at, mysqlPort);
    for (const password of readings(secret)) {
      const code = await tryMysql({ address: at, user, password, timeout: context.timeout });
      if (code === undefined) throw new RetryError(`${at.host}:${at.port} did not answer a log-in`);
      if (code !== "ok") continue;
      // every account of this name is a candidate: which one a log-in meets depends on where it comes from
      return asAdmin(context, async (client) => ({
        records: (await accounts(client)).filter((account) => account.user === user && stateOf(account) !== "gone").map(recordOf),
        grade: "confirmed",
      }));
    }
    return { records: [], grade: "weak" };
  },

  list: (context) => asAdmin(context, async (client) => (await accounts(client)).map(recordOf)),

  prepare: (context, { like }) =>
    asAdmin(context, async (client) => {
      const { user, host } = accountIn(like);
      const all = await accounts(client);
      const username = alternateOf(user, host, all);
      if (all.some((account) => account.user === username && account.host === host && stateOf(account) !== "gone"))
        throw inUse(username, "account");
      return { secret: Secret.from(randomBytes(24).toString("base64url")), companions: { username } };
    }),

  issue: (context, { name, like, prepared }) =>
    asAdmin(context, async (client) => {
      const username = prepared?.companions["username"];
      if (prepared === undefined || username === undefined)
        throw new HoldError("not-prepared", "a new MariaDB password must be staged before it is set; this run has staged none");
      await mariaDbOnly(client);
      const { user, host } = accountIn(like);
      const all = await accounts(client);
      const old = all.find((account) => account.user === user && account.host === host);
      if (old === undefined && like.attributes["rehearsal"] === undefined)
        throw new HoldError("scope-unknown", `the account '${user}' is gone, so nobody knows its rights; make it by hand`);
      const own = all.find((account) => account.user === username && account.host === host);
      if (own !== undefined && stateOf(own) !== "gone" && !own.runs.includes(ownName(name))) throw inUse(username, "account");
      const grantee = quotedAccount(username, host);
      const role = quoted(ownName(name));
      const grants = old === undefined ? [] : await grantsOf(client, user, host);
      if (own === undefined)
        await client.write(`create user if not exists ${grantee} identified via mysql_native_password using 'invalid' account lock`);
      await client.write(`create role if not exists ${role}`);
      await client.write(`grant ${role} to ${grantee}`);
      for (const grant of grants) await client.write(grant(grantee));
      const hash = nativeHash(prepared.secret.reveal());
      await client.write(`alter user ${grantee} identified via mysql_native_password using '${hash}' account unlock`);
      const record: KeyRecord = { id: `${username}@${host}`, name, state: "active", principal: username, attributes: { user: username } };
      return { record, secret: prepared.secret, companions: { username } };
    }),

  discard: (context, { name }) =>
    asAdmin(context, async (client) => {
      const run = ownName(name);
      const ours = (await accounts(client)).filter(({ runs }) => runs.includes(run));
      for (const account of ours) {
        await end(client, account, context);
        if (rehearsed.test(account.user)) await client.write(`drop user if exists ${quotedAccount(account.user, account.host)}`);
      }
      await client.write(`drop role if exists ${quoted(run)}`);
      return ours.filter((account) => stateOf(account) !== "gone").length;
    }),

  disable: (context, record) =>
    asAdmin(context, async (client) => {
      const account = await found(client, record, context);
      if (account === undefined) return;
      await client.write(`alter user ${quotedAccount(account.user, account.host)} account lock`);
      await endSessions(client, account);
    }),

  enable: (context, record) =>
    asAdmin(context, async (client) => {
      const account = await found(client, record, context);
      if (account === undefined || stateOf(account) === "gone")
        throw new HoldError("old-gone", `the account '${record.id}' was revoked; give it a new password by hand`);
      await client.write(`alter user ${quotedAccount(account.user, account.host)} account unlock`);
    }),

  revoke: (context, record) =>
    asAdmin(context, async (client) => {
      const account = await found(client, record, context);
      if (account !== undefined) await end(client, account, context);
    }),

  async probe(context, { attributes, secret }): Promise<ProbeResult> {
    const { user, at } = leakedLogin(context, attributes, mysqlPort);
    if (user === undefined || at === undefined) return { answer: "unknown", code: "not a pinned host" };
    let last: "ok" | number | undefined;
    for (const password of readings(secret)) {
      last = await tryMysql({ address: at, user, password, timeout: context.timeout });
      if (last === "ok") return { answer: "alive", code: "log-in accepted" };
      if (last === 4151 || last === 3118) return { answer: "disabled", code: `${last} account locked` };
      if (last !== 1045) break;
    }
    return { answer: last === 1045 ? "invalid" : "unknown", code: last === undefined ? "no answer" : String(last) };
  },

  /** Sessions that are open now: MariaDB keeps no record of those that ended. */
  usage: (context, record) =>
    asAdmin(context, async (client) => {
      const rows = await client.read("select host from information_schema.processlist where user = ?", [accountIn(record).user]);
      const hosts = z.array(z.object({ host: z.string() })).parse(rows);
      return { seen: hosts.map(({ host }) => ({ by: host.replace(/:\d+$/, "").slice(0, 60) })), complete: false };
    }),
};

interface Account {
  readonly user: string;
  readonly host: string;
  readonly locked: boolean;
  /** Every way in has a password that nothing hashes to. */
  readonly passwordless: boolean;
  /** Runs of ours that set its password. */
  readonly runs: readonly string[];
}

const Row = z.object({ user: z.string(), host: z.string(), priv: z.string() });
const Priv = z.looseObject({
  plugin: z.string().optional(),
  authentication_string: z.string().optional(),
  account_locked: z.boolean().optional(),
  auth_or: z.array(z.unknown()).optional(),
  is_role: z.boolean().optional(),
});

function asAdmin<T>({ host, credential, timeout }: DriverContext, work: (client: MysqlClient) => Promise<T>): Promise<T> {
  return withMysql({ address: addressOf(host, mysqlPort), ...loginOf(credential), timeout }, work);
}

async function mariaDbOnly(client: MysqlClient): Promise<void> {
  const [row] = await client.read("select version() as version");
  if (!String(row?.["version"]).includes("MariaDB")) {
    throw new HoldError(
      "not-supported",
      "this server is MySQL; Rekey sets passwords on MariaDB alone, which it is tested against. Replace the password by hand",
    );
  }
}

/** Every account that is no role. */
async function accounts(client: MysqlClient): Promise<Account[]> {
  await mariaDbOnly(client);
  const rows = z
    .array(Row)
    .parse(await client.read("select User as user, Host as host, cast(Priv as char) as priv from mysql.global_priv"));
  // whoever makes a role is its administrator: that is us, and no mark
  const mapped = z
    .array(z.object({ user: z.string(), host: z.string(), role: z.string() }))
    .parse(
      await client.read(
        "select User as user, Host as host, Role as role from mysql.roles_mapping where Role like 'rekey-%' and Admin_option = 'N'",
      ),
    );
  return rows.flatMap(({ user, host, priv }) => {
    const { plugin, authentication_string, account_locked, auth_or, is_role } = Priv.parse(JSON.parse(priv));
    if (is_role === true) return [];
    return [
      {
        user,
        host,
        locked: account_locked === true,
        passwordless: auth_or === undefined && plugin === "mysql_native_password" && authentication_string === "invalid",
        runs: mapped.filter((one) => one.user === user && one.host === host).map(({ role }) => role),
      },
    ];
  });
}

function stateOf({ locked, passwordless }: Account): KeyRecord["state"] {
  return passwordless && locked ? "gone" : locked ? "disabled" : "active";
}

function recordOf(account: Account): KeyRecord {
  const [run] = account.runs;
  return {
    id: `${account.user}@${account.host}`,
    name: run ?? account.user,
    state: stateOf(account),
    principal: account.user,
    attributes: { user: account.user },
  };
}

/** Accounts that a rehearsal makes, which own nothing and serve nobody. */
const rehearsed = /^rekey-rehearsal-[a-z0-9]+(_rekey)+$/;

/** A rehearsal's is named without a host: it may come from any. */
function accountIn({ id }: KeyRecord): { user: string; host: string } {
  const at = id.lastIndexOf("@");
  if (at === -1) return { user: id, host: "%" };
  return { user: id.slice(0, at), host: id.slice(at + 1) };
}

async function found(client: MysqlClient, record: KeyRecord, context: DriverContext): Promise<Account | undefined> {
  const { user, host } = accountIn(record);
  notOurselves(user, context, "account");
  return (await accounts(client)).find((account) => account.user === user && account.host === host);
}

/** `app_rekey` for `app`, and back where `app` was revoked. MariaDB cuts names at 80 characters. */
function alternateOf(user: string, host: string, all: readonly Account[]): string {
  const base = user.replace(/_rekey$/, "");
  const revoked = all.some((account) => account.user === base && account.host === host && stateOf(account) === "gone");
  return base !== user && revoked ? base : `${user.slice(0, 74)}_rekey`;
}

/** What the account may do, as statements for another one; its password's hash is left out. */
async function grantsOf(client: MysqlClient, user: string, host: string): Promise<((grantee: string) => string)[]> {
  const rows = await client.read(`show grants for ${quotedAccount(user, host)}`);
  const name = "`(?:[^`]|``)*`";
  const form = new RegExp(
    `^(GRANT .+ TO |SET DEFAULT ROLE .+ FOR )${name}@${name}(?: IDENTIFIED (?:BY|VIA) .+?)?((?: REQUIRE .+)?(?: WITH .+)?)$`,
    "s",
  );
  return rows.flatMap((row) => {
    const line = String(Object.values(row)[0]);
    const [, before, after = ""] = form.exec(line) ?? [];
    if (before === undefined)
      throw new HoldError(
        "not-equal-in-power",
        `a right of the account '${user}' is written in a way that Rekey cannot copy; make its successor by hand`,
      );
    return /^GRANT `rekey-/.test(before) ? [] : [(grantee: string) => `${before}${grantee}${after}`];
  });
}

/** Locked, no password, no session. */
async function end(client: MysqlClient, account: Account, context: DriverContext): Promise<void> {
  notOurselves(account.user, context, "account");
  await client.write(
    `alter user ${quotedAccount(account.user, account.host)} identified via mysql_native_password using 'invalid' account lock`,
  );
  await endSessions(client, account);
}

/** An open session outlives its password. Those of the same name from other hosts' accounts are somebody else's. */
async function endSessions(client: MysqlClient, { user, host }: Account): Promise<void> {
  const rows = await client.read("select id, host from information_schema.processlist where user = ?", [user]);
  const pattern = new RegExp(
    `^${host
      .replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&")
      .replaceAll("%", ".*")
      .replaceAll("_", ".")}$`,
    "i",
  );
  for (const { id, host: from } of z.array(z.object({ id: z.coerce.number().int(), host: z.string() })).parse(rows))
    if (pattern.test(from.replace(/:\d+$/, ""))) await client.write(`kill connection ${id}`).catch(gone);
}

/** 1094: the session has ended meanwhile. */
function gone(error: unknown): void {
  if (!(error instanceof HoldError && error.message.includes("(1094)"))) throw error;
}

/** https://mariadb.com/kb/en/authentication-plugin-mysql_native_password/ */
function nativeHash(password: string): string {
  const once = createHash("sha1").update(password).digest();
  return `*${createHash("sha1").update(once).digest("hex").toUpperCase()}`;
}

function quoted(name: string): string {
  return `\`${name.replaceAll("`", "``")}\``;
}

function quotedAccount(user: string, host: string): string {
  return `${quoted(user)}@${quoted(host)}`;
}
