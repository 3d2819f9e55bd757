import { randomBytes } from "node:crypto";
import { z } from "zod";
import { type Address, addressOf, loginOf } from "../connection/address.ts";
import {
  identifier,
  literal,
  type PostgresClient,
  PostgresError,
  postgresPort,
  scramMatches,
  scramVerifier,
  tryPostgres,
  withPostgres,
} from "../connection/postgresql.ts";
import type { Driver, DriverContext, KeyRecord, ProbeResult } from "../driver.ts";
import { HoldError, RetryError } from "../errors.ts";
import { Secret } from "../secret.ts";
import { ownName } from "./answer.ts";
import { databaseManifest, inUse, leakedLogin, notOurselves, readings } from "./database.ts";

/**
 * PostgreSQL roles, by alternating users: `app` leaks, `app_rekey` is made a member of it and acts as it from log-in on
 * (`ALTER ROLE … SET role`), so that it has the same rights and what it makes belongs to `app`. When `app_rekey` leaks, `app` gets a
 * new password. The role that leaked stays, without password and without the right to log in: its objects and grants are in use.
 *
 * The password goes to the server in its stored form only. 28P01 is said of a wrong password, none, an expired one and an unknown
 * role, 28000 also by pg_hba.conf (rotation.md 12.4): death needs the role's row too.
 */
export const postgresql: Driver = {
  manifest: databaseManifest({
    type: "postgresql/role",
    name: "PostgreSQL role",
    detectors: ["postgresql-url"],
    overlap: 2,
    // A role is changed in one transaction; a standby that answers log-ins follows within seconds.
    propagation: { create: 1_000, revoke: 5_000 },
    companions: ["username"],
    locks: true,
    pages: { revoke: "https://www.postgresql.org/docs/current/sql-alterrole.html" },
    rights: {
      list: ["SELECT on pg_authid"],
      issue: ["CREATEROLE"],
      disable: ["CREATEROLE", "membership in pg_signal_backend"],
      revoke: ["CREATEROLE", "membership in pg_signal_backend"],
    },
    rehearsal: { rehearsal: "yes" },
  }),

  async match(context, { attributes, secret }) {
    const { user, at } = leakedLogin(context, attributes, postgresPort);
    if (secret === undefined || user === undefined || at === undefined) return { records: [], grade: "weak" };
    return asAdmin(context, async (client) => {
      const found = (await roles(client)).find(({ name }) => name === user);
      if (found === undefined) return { records: [], grade: "confirmed" };
      for (const password of readings(secret)) {
        const code = await tryPostgres({ address: at, user, password, timeout: context.timeout });
        if (code === undefined) throw new RetryError(`${at.host}:${at.port} did not answer a log-in`);
        if (code === "ok") {
          const here = await clusterOf(client);
          const there = await withPostgres({ address: at, user, password, timeout: context.timeout }, clusterOf);
          return { records: here === there ? [recordOf(found)] : [], grade: "confirmed" };
        }
        if (isOwn(context, at) && scramMatches(found.password ?? "", password)) return { records: [recordOf(found)], grade: "confirmed" };
      }
      return { records: [], grade: "weak" };
    });
  },

  list: (context) => asAdmin(context, async (client) => (await roles(client)).map(recordOf)),

  async prepare(context, { like }) {
    const username = await asAdmin(context, async (client) => {
      const all = await roles(client);
      const other = alternateOf(like.id, all);
      const taken = all.find(({ name }) => name === other);
      if (taken?.login === true) throw inUse(other, "role");
      if (taken !== undefined && !arePair(like.id, other, all)) throw inUse(other, "role");
      return other;
    });
    return { secret: Secret.from(randomBytes(24).toString("base64url")), companions: { username } };
  },

  async issue(context, { name, like, prepared }) {
    const username = prepared?.companions["username"];
    if (prepared === undefined || username === undefined)
      throw new HoldError("not-prepared", "a new PostgreSQL password must be staged before it is set; this run has staged none");
    const password = prepared.secret.reveal();
    return asAdmin(context, async (client) => {
      const all = await roles(client);
      const [old, own] = [all.find((role) => role.name === like.id), all.find((role) => role.name === username)];
      if (own?.login === true) {
        const address = addressOf(context.host, postgresPort);
        const code = await tryPostgres({ address, user: username, password, timeout: context.timeout });
        if (code !== "ok" && own.mark?.by !== ownName(name)) throw inUse(username, "role");
      }
      if (old === undefined && like.attributes["rehearsal"] === undefined)
        throw new HoldError("scope-unknown", `the role '${like.id}' is gone, so nobody knows what its successor may do; make it by hand`);
      await client.write(
        setting(username, { old, own, like: like.id, by: ownName(name), password, settings: await settingsOf(client, like.id) }),
      );
      const made = (await roles(client)).find((role) => role.name === username);
      if (made === undefined) throw new HoldError("unexpected-answer", `PostgreSQL set the role '${username}' and does not list it`);
      return { record: recordOf(made), secret: prepared.secret, companions: { username } };
    });
  },

  discard: (context, { name, companions }) =>
    asAdmin(context, async (client) => {
      const by = ownName(name);
      const username = companions?.["username"];
      const own = (await roles(client)).filter(
        ({ mark, name: role }) => mark?.by === by && (mark.made || !mark.ended) && (username === undefined || role === username),
      );
      for (const role of own) {
        if (role.mark?.ended !== true) await end(client, role, context);
        if (role.mark?.made === true) await drop(client, role.name);
      }
      return own.length;
    }),

  disable: (context, { id }) =>
    asAdmin(context, async (client) => {
      if (!(await exists(client, id, context))) return;
      await client.write(`alter role ${identifier(id)} nologin`);
      await endSessions(client, id);
    }),

  enable: (context, { id }) =>
    asAdmin(context, async (client) => {
      const role = (await roles(client)).find(({ name }) => name === id);
      if (role?.mark?.ended === true) throw new HoldError("old-gone", `the role '${id}' was revoked; give it a new password by hand`);
      await client.write(`alter role ${identifier(id)} login`);
    }),

  revoke: (context, { id }) =>
    asAdmin(context, async (client) => {
      const role = (await roles(client)).find(({ name }) => name === id);
      if (role !== undefined) await end(client, role, context);
    }),

  async probe(context, { attributes, secret }): Promise<ProbeResult> {
    const { user, at } = leakedLogin(context, attributes, postgresPort);
    if (user === undefined || at === undefined) return { answer: "unknown", code: "not a pinned host" };
    let last: string | undefined;
    for (const password of readings(secret)) {
      last = await tryPostgres({ address: at, user, password, timeout: context.timeout });
      if (last === "ok") return { answer: "alive", code: "log-in accepted" };
      if (last === "28000") return nologin(context, at, user);
      if (last !== "28P01") break;
    }
    return { answer: last === "28P01" ? "invalid" : "unknown", code: last ?? "no answer" };
  },

  /** Sessions that are open now: PostgreSQL keeps no record of those that ended. */
  usage: (context, { id }) =>
    asAdmin(context, async (client) => {
      const rows = await client.read(
        `select coalesce(application_name, '') as application, coalesce(host(client_addr), 'local') as address, min(backend_start) as at,
                count(*)::int as count
         from pg_catalog.pg_stat_activity where usename = $1 group by 1, 2`,
        [id],
      );
      const seen = z.array(Session).parse(rows);
      return {
        seen: seen.map(({ application, address, at, count }) => ({
          by: application === "" ? address : `${address} (${application.slice(0, 60)})`,
          at: at.toISOString(),
          count,
        })),
        complete: false,
      };
    }),

  check: (context, rights) =>
    asAdmin(context, async (client) => {
      const [row] = await client.read(
        `select r.rolsuper as super, r.rolcreaterole as creates, pg_catalog.has_table_privilege('pg_catalog.pg_authid', 'select') as reads,
                pg_catalog.pg_has_role('pg_signal_backend', 'usage') as signals
         from pg_catalog.pg_roles r where r.rolname = current_user`,
      );
      const has = z.object({ super: z.boolean(), creates: z.boolean(), reads: z.boolean(), signals: z.boolean() }).parse(row);
      const allowed = { "SELECT on pg_authid": has.reads, CREATEROLE: has.creates, "membership in pg_signal_backend": has.signals };
      return rights.map((right) => {
        const known = allowed[right as keyof typeof allowed];
        return { right, state: known === undefined ? "unknown" : has.super ? "broad" : known ? "allowed" : "missing" };
      });
    }),
};

/** What Rekey notes in the comment of a role that it made or reused; people's own text before it is kept. */
const Mark = z.object({
  /** The other user of the pair. */
  of: z.string(),
  /** `rekey-<run>` */
  by: z.string(),
  /** Made by Rekey, so that it may be dropped when its run is undone. */
  made: z.boolean(),
  /** Revoked: no password since. */
  ended: z.boolean(),
});
type Mark = z.output<typeof Mark>;

const Session = z.object({ application: z.string(), address: z.string(), at: z.date(), count: z.number() });
const Role = z.object({
  name: z.string(),
  login: z.boolean(),
  /** Null where it has none; `undefined` where this connection may not read pg_authid. */
  password: z.string().nullable().optional(),
  superuser: z.boolean(),
  createdb: z.boolean(),
  createrole: z.boolean(),
  replication: z.boolean(),
  bypassrls: z.boolean(),
  limit: z.number(),
  until: z.string().nullable(),
  comment: z.string().nullable(),
});
type Role = z.output<typeof Role> & { readonly mark: Mark | undefined };

function asAdmin<T>({ host, credential, timeout }: DriverContext, work: (client: PostgresClient) => Promise<T>): Promise<T> {
  return withPostgres({ address: addressOf(host, postgresPort), ...loginOf(credential), timeout }, work);
}

/** Every role but the server's own. Managed services keep pg_authid to themselves. */
async function roles(client: PostgresClient): Promise<Role[]> {
  const [may] = await client.read("select pg_catalog.has_table_privilege('pg_catalog.pg_authid', 'select') as may");
  const table = may?.["may"] === true ? "pg_authid" : "pg_roles";
  const rows = await client.read(
    `select rolname as name, rolcanlogin as login, ${table === "pg_authid" ? "rolpassword as password," : ""}
            rolsuper as superuser, rolcreatedb as createdb, rolcreaterole as createrole, rolreplication as replication,
            rolbypassrls as bypassrls, rolconnlimit as limit, rolvaliduntil::text as until,
            pg_catalog.shobj_description(oid, 'pg_authid') as comment
     from pg_catalog.${table} where rolname !~ '^pg_' order by rolname`,
  );
  return z
    .array(Role)
    .parse(rows)
    .map((role) => ({ ...role, mark: markIn(role.comment) }));
}

const markLine = /(?:^|\n)rekey: (\{[^\n]*\})$/;

function markIn(comment: string | null): Mark | undefined {
  const [, text] = markLine.exec(comment ?? "") ?? [];
  if (text === undefined) return undefined;
  try {
    return Mark.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function marking({ name, comment }: Pick<Role, "name" | "comment">, mark: Mark): string {
  const text = (comment ?? "").replace(markLine, "");
  return `comment on role ${identifier(name)} is ${literal(`${text === "" ? "" : `${text}\n`}rekey: ${JSON.stringify(mark)}`)}`;
}

/** Without pg_authid our own mark, set together with the password, says that there is none. */
function stateOf({ login, password, mark }: Role): KeyRecord["state"] {
  if (login) return "active";
  return password === null || (password === undefined && mark?.ended === true) ? "gone" : "disabled";
}

function recordOf(role: Role): KeyRecord {
  return {
    id: role.name,
    name: role.mark?.by ?? role.name,
    state: stateOf(role),
    principal: role.name,
    attributes: { user: role.name },
  };
}

/** `app_rekey` for `app`, and back. PostgreSQL cuts names at 63 bytes. */
function alternateOf(name: string, all: readonly Role[]): string {
  const of = all.find((role) => role.name === name)?.mark?.of;
  return of ?? `${Buffer.from(name).subarray(0, 57).toString()}_rekey`;
}

function arePair(a: string, b: string, all: readonly Role[]): boolean {
  const marked = (name: string, other: string) => all.find((role) => role.name === name)?.mark?.of === other;
  return marked(a, b) || marked(b, a);
}

interface Successor {
  readonly old: Role | undefined;
  readonly own: Role | undefined;
  readonly like: string;
  readonly by: string;
  readonly password: string;
  readonly settings: readonly { database: string | null; name: string; value: string }[];
}

/** One transaction that leaves `name` able to log in with the password and, where it is new, equal to `like`. Repeatable. */
function setting(name: string, { old, own, like, by, password, settings }: Successor): string {
  const role = identifier(name);
  const made = own === undefined || own.mark?.made === true;
  const power =
    old === undefined ? [] : (["superuser", "createdb", "createrole", "replication", "bypassrls"] as const).filter((of) => old[of]);
  const equal =
    old === undefined
      ? []
      : [
          `grant ${identifier(like)} to ${role}`,
          ...settings.map(({ database, name: setting, value }) => {
            const where = database === null ? "" : ` in database ${identifier(database)}`;
            return `alter role ${role}${where} set ${setting.split(".").map(identifier).join(".")} = ${settingValue(setting, value)}`;
          }),
          `alter role ${role} set role = ${identifier(like)}`,
          `alter role ${role} with ${power.join(" ")} connection limit ${old.limit}${old.until === null ? "" : ` valid until ${literal(old.until)}`}`,
        ];
  return [
    "begin",
    ...(own === undefined ? [`create role ${role}`] : []),
    ...(made ? equal : []),
    `alter role ${role} with login password ${literal(scramVerifier(password))}`,
    marking({ name, comment: own?.comment ?? null }, { of: like, by, made, ended: false }),
    "commit",
  ].join("; ");
}

/** Settings of the role itself, which a member does not inherit. `role` is what we set. */
async function settingsOf(client: PostgresClient, role: string): Promise<Successor["settings"]> {
  const rows = await client.read(
    `select d.datname as database, c.line from pg_catalog.pg_db_role_setting s
     join pg_catalog.pg_roles r on r.oid = s.setrole left join pg_catalog.pg_database d on d.oid = s.setdatabase,
     lateral unnest(s.setconfig) as c(line) where r.rolname = $1`,
    [role],
  );
  return z
    .array(z.object({ database: z.string().nullable(), line: z.string() }))
    .parse(rows)
    .map(({ database, line }) => ({ database, name: line.split("=", 1)[0] ?? "", value: line.slice(line.indexOf("=") + 1) }))
    .filter(({ name }) => name !== "role");
}

/** Settings that PostgreSQL keeps as a list of quoted names; as one text they would mean one name (pg_dump does the same). */
const lists = new Set(["search_path", "temp_tablespaces", "local_preload_libraries", "session_preload_libraries"]);

function settingValue(name: string, value: string): string {
  if (!lists.has(name)) return literal(value);
  const parts = value.match(/"(?:[^"]|"")*"|[^,\s]+/g) ?? [];
  return parts.length === 0 ? "''" : parts.map((part) => literal(part.replace(/^"(.*)"$/s, "$1").replaceAll('""', '"'))).join(", ");
}

/** No log-in, no password, no session. */
async function end(client: PostgresClient, role: Role, context: DriverContext): Promise<void> {
  notOurselves(role.name, context, "role");
  await client.write(
    [
      "begin",
      `alter role ${identifier(role.name)} with nologin password null`,
      marking(role, { of: alternateOf(role.name, [role]), by: "", made: false, ...role.mark, ended: true }),
      "commit",
    ].join("; "),
  );
  await endSessions(client, role.name);
}

/** What it owns stays: then the role stays too, without password and log-in. */
async function drop(client: PostgresClient, name: string): Promise<void> {
  try {
    await client.write(`drop role ${identifier(name)}`);
  } catch (error) {
    if (!(error instanceof PostgresError && error.state === "2BP01")) throw error;
  }
}

/** An open session outlives ALTER ROLE (rotation.md 12.4). */
async function endSessions(client: PostgresClient, user: string): Promise<void> {
  await client.read("select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity where usename = $1", [user]);
  for (let tries = 0; tries < 20; tries++) {
    const [left] = await client.read("select count(*)::int as left from pg_catalog.pg_stat_activity where usename = $1", [user]);
    if (left?.["left"] === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new HoldError(
    "sessions-survive",
    `the role '${user}' can no longer log in, and sessions that it opened before go on. End them by hand (pg_terminate_backend), then go on`,
  );
}

async function exists(client: PostgresClient, name: string, context: DriverContext): Promise<boolean> {
  notOurselves(name, context, "role");
  return (await roles(client)).some((role) => role.name === name);
}

function isOwn({ host }: DriverContext, at: Address): boolean {
  const own = addressOf(host, postgresPort);
  return own.host === at.host && own.port === at.port;
}

/** The same for every host name of one server. */
async function clusterOf(client: PostgresClient): Promise<string> {
  const [row] = await client.read("select system_identifier::text as id from pg_catalog.pg_control_system()");
  return z.object({ id: z.string() }).parse(row).id;
}

/** 28000 is said of a role without LOGIN and by pg_hba.conf: the role's row decides. */
async function nologin(context: DriverContext, at: Address, user: string): Promise<ProbeResult> {
  if (context.credential === undefined || !isOwn(context, at)) return { answer: "unknown", code: "28000" };
  try {
    const role = await asAdmin(context, async (client) => (await roles(client)).find(({ name }) => name === user));
    return role?.login === false ? { answer: "disabled", code: "28000 NOLOGIN" } : { answer: "unknown", code: "28000" };
  } catch (error) {
    if (error instanceof HoldError || error instanceof RetryError) return { answer: "unknown", code: "28000" };
    throw error;
  }
}
