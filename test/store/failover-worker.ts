/** Takes a job of the PostgreSQL in argv[2], says so, and never ends it. */
import { openDatabase } from "../../src/store/database.ts";
import { openQueue } from "../../src/store/queue.ts";

const queue = await openQueue(await openDatabase({ url: process.argv[2] ?? "" }));
await queue.work("passed-on", async () => {
  process.stdout.write("taken\n");
  await new Promise(() => {});
});
