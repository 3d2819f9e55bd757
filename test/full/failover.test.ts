import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, test, vi } from "vitest";
import { openDatabase } from "../../src/store/database.ts";
import { openQueue } from "../../src/store/queue.ts";
import { startPostgres } from "../servers/postgres.ts";

test("the job of a worker that was killed goes to another replica", async () => {
  const server = await startPostgres();
  const database = await openDatabase({ url: server.url });
  const queue = await openQueue(database, { queues: ["passed-on"] });
  try {
    await queue.enqueue("passed-on", { incident: "RK-7F3K" });
    const worker = spawn(process.execPath, [fileURLToPath(new URL("../store/failover-worker.ts", import.meta.url)), server.url], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(worker.stdout, "data");
    worker.kill("SIGKILL");
    const seen: unknown[] = [];
    await queue.work("passed-on", async ({ data }) => void seen.push(data));
    await vi.waitFor(() => expect(seen).toEqual([{ incident: "RK-7F3K" }]), { timeout: 60_000, interval: 500 });
  } finally {
    await queue.close(1000);
    await database.close();
    await server.stop();
  }
});
