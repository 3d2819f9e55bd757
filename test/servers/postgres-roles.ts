import { randomBytes } from "node:crypto";
import pg from "pg";
import type { DriverContext } from "../../src/driver.ts";
import { Secret } from "../../src/secret.ts";
import type { Postgres } from "./postgres.ts";

/** Roles for a driver on a real server: an administrator that is no superuser, and applications. */
export interface PostgresRoles {
  readonly context: DriverContext;
  sql(text: string): Promise<Record<string, unknown>[]>;
  /** A role that can log in and owns a table, with its finding's attributes. */
  createApp(name?: string): Promise<{ user: string; secret: Secret; attributes: Record<string, string> }>;
  /** Roles of this name that can log in. */
  living(name: string): Promise<string[]>;
  /** A session of its own; `end` it. */
  session(user: string, password: string): Promise<pg.Client>;
  stop(): Promise<void>;
}

export async function postgresRoles({ url }: Postgres): Promise<PostgresRoles> {
  const { hostname, port } = new URL(url);
  const superuser = new pg.Client({ connectionString: url });
  superuser.on("error", () => undefined);
  await superuser.connect();
  const sql = async (text: string) => (await superuser.query<Record<string, unknown>>(text)).rows;
  const admin = `admin_${randomBytes(4).toString("hex")}`;
  const password = randomBytes(12).toString("base64url");
  await sql(`create role ${admin} login createrole password '${password}'; grant pg_signal_backend to ${admin};
             grant select on pg_authid to ${admin}`);
  return {
    context: { host: `${hostname}:${port}`, credential: Secret.from(`${admin}:${password}`), timeout: 5000 },
    sql,
    async createApp(user = `app_${randomBytes(4).toString("hex")}`) {
      const value = randomBytes(12).toString("base64url");
      await sql(`create role ${user} login password '${value}'; grant ${user} to ${admin} with admin option;
                 create table ${user}_orders (id int); alter table ${user}_orders owner to ${user};
                 alter role ${user} set search_path = '$user', public; alter role ${user} set statement_timeout = '7s'`);
      return { user, secret: Secret.from(value), attributes: { user, host: hostname, port, database: "postgres" } };
    },
    living: async (name) =>
      (await sql(`select rolname from pg_roles where rolcanlogin and rolname like '${name}%' order by 1`)).map(({ rolname }) =>
        String(rolname),
      ),
    async session(user, given) {
      const client = new pg.Client({ host: hostname, port: Number(port), user, password: given, database: "postgres" });
      client.on("error", () => undefined);
      await client.connect();
      return client;
    },
    stop: () => superuser.end(),
  };
}
