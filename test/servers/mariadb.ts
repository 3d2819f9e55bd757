import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chownSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { addressOf } from "../../src/connection/address.ts";
import { type MysqlClient, tryMysql, withMysql } from "../../src/connection/mysql.ts";
import { Secret } from "../../src/secret.ts";
import { freePort, freshFolder, startChild, unprivileged } from "../../src/stand-in/child.ts";

/** A real MariaDB of the system on loopback. */
export interface MariaDb {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** `rekey:password` of an account with every right. */
  readonly credential: Secret;
  as<T>(login: string, work: (client: MysqlClient) => Promise<T>): Promise<T>;
  stop(): Promise<void>;
}

const [server, install] = ["/usr/sbin/mariadbd", "/usr/bin/mariadb-install-db"];

/** MariaDB does not come from npm (contracts.md §11). */
export const hasMariaDb = existsSync(server) && existsSync(install);

export async function startMariaDb(): Promise<MariaDb> {
  const folder = freshFolder("rekey-mariadb-");
  const data = join(folder, "data");
  const password = randomBytes(12).toString("base64url");
  mkdirSync(data);
  const init = join(folder, "init.sql");
  writeFileSync(
    init,
    `create user 'rekey'@'127.0.0.1' identified by '${password}'; grant all on *.* to 'rekey'@'127.0.0.1' with grant option;`.replaceAll(
      "; ",
      ";\n",
    ),
  );
  const { uid, gid } = unprivileged();
  if (uid !== undefined && gid !== undefined) for (const path of [folder, data, init]) chownSync(path, uid, gid);
  await promisify(execFile)(install, ["--no-defaults", `--datadir=${data}`, "--auth-root-authentication-method=normal", "--skip-test-db"], {
    cwd: folder,
    ...unprivileged(),
  });
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  const address = addressOf(host, port);
  const child = await startChild({
    name: "MariaDB",
    command: server,
    args: [
      "--no-defaults",
      `--datadir=${data}`,
      `--port=${port}`,
      "--bind-address=127.0.0.1",
      `--socket=${join(folder, "s")}`,
      `--init-file=${init}`,
      "--skip-name-resolve",
      "--innodb-flush-log-at-trx-commit=0",
      "--innodb-buffer-pool-size=16M",
    ],
    folder,
    ready: async () => (await tryMysql({ address, user: "rekey", password, timeout: 1000 })) === "ok",
  });
  return {
    host,
    credential: Secret.from(`rekey:${password}`),
    as: (login, work) =>
      withMysql({ address, user: login.split(":")[0] ?? "", password: login.slice(login.indexOf(":") + 1), timeout: 3000 }, work),
    stop: () => child.stop(),
  };
}
