import { chownSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pinOf, request } from "../../src/http.ts";
import { freePort, freshFolder, reachable, startChild, unprivileged } from "../../src/stand-in/child.ts";
import { ensureVenv } from "../../src/stand-in/python.ts";

/** moto's server on loopback: AWS Secrets Manager, IAM and STS with the faults of rotation.md 12.3. */
export interface Moto {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** Checks signatures and policies from now on, so that a deleted key is really refused. Any key is accepted before. */
  checkAuthentication(): Promise<void>;
  stop(): Promise<void>;
}

const cache = fileURLToPath(new URL("../../.cache/rekey", import.meta.url));

export async function startMoto(): Promise<Moto> {
  const bin = await ensureVenv({ cache, name: "moto", requirement: "moto[server]==5.2.5" });
  const folder = freshFolder("rekey-moto-");
  const python = join(bin, "python3");
  // Where the only Python is in root's home, nobody cannot run it: then as ourselves.
  const alone = reachable(realpathSync(python)) && reachable(bin);
  try {
    const { uid, gid } = unprivileged();
    if (alone && uid !== undefined && gid !== undefined) chownSync(folder, uid, gid);
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const post = (path: string, body: string) => request({ method: "POST", url: `${url}${path}`, body, pins: [pinOf(url)], timeout: 5000 });
    const child = await startChild({
      name: "moto",
      command: python,
      args: [join(bin, "moto_server"), "-H", "127.0.0.1", "-p", String(port)],
      folder,
      asSelf: !alone,
      ready: async () =>
        (await request({ method: "GET", url: `${url}/moto-api/data.json`, pins: [pinOf(url)], timeout: 2000, maxBytes: 4 << 20 }))
          .status === 200,
    });
    return {
      url,
      async checkAuthentication() {
        const { status } = await post("/moto-api/reset-auth", "0");
        if (status !== 200) throw new Error(`moto did not switch authentication on: status ${status}`);
      },
      stop: () => child.stop(),
    };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}
