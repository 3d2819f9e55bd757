import type { Db } from "pg-boss";
import type { Session } from "./embedded-dialect.ts";

/** pg-boss on the embedded database's one session: each statement alone, and never left in a failed transaction. */
export function queueDatabase(session: Session): Db {
  return {
    executeSql(text, values) {
      return session.exclusive(async (database) => {
        try {
          if (values !== undefined && values.length > 0) return await database.query<object>(text, values);
          // Without parameters it may be several statements, whose rows belong together.
          const results = await database.exec(text);
          return { rows: results.flatMap(({ rows }) => rows) };
        } catch (error) {
          await database.query("rollback");
          throw error;
        }
      });
    },
    async listen(channel, onNotification, onReconnect) {
      const stop = await session.exclusive((database) => database.listen(channel, onNotification));
      onReconnect();
      return {
        async close() {
          await session.exclusive(() => stop());
        },
      };
    },
  };
}
