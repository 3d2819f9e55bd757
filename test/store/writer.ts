/** Commits rows to the embedded database in argv[2] and prints each number once its commit has returned; ends when killed. */
import { openDatabase } from "../../src/store/database.ts";
import { appendEvents } from "../../src/store/events.ts";
import { openQueue } from "../../src/store/queue.ts";

const database = await openDatabase({ dataDir: process.argv[2] ?? "" });
const queue = await openQueue(database, { queues: ["interrupted"] });
await queue.work("interrupted", async () => {
  process.stdout.write("job\n");
  await new Promise(() => {});
});
await queue.enqueue("interrupted", { from: "writer" });
for (let n = 1; ; n++) {
  await database.db.transaction().execute((trx) => appendEvents(trx, "test/writer", [{ type: "counted", n }]));
  process.stdout.write(`${n}\n`);
}
