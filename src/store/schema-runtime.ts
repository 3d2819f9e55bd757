import type { ColumnType } from "kysely";

type DefaultTime = ColumnType<Date, Date | string | undefined, Date | string>;
type NullableTime = ColumnType<Date | null, Date | string | null | undefined, Date | string | null>;

/** Tables of src/store/migration/100-runtime.ts: what gateways, collectors and hooks reported. */
export interface RuntimeSchema {
  runtime_event: RuntimeEventTable;
  runtime_source: RuntimeSourceTable;
  runtime_seen: RuntimeSeenTable;
}

/** One row for each different report, so that the same one again changes nothing. */
interface RuntimeEventTable {
  source: string;
  /** Hash of everything that was kept of it. */
  key: string;
  incident_id: string;
  received_at: DefaultTime;
}

/** One row a source; locked while one of its events is taken, so that its bounds hold. */
interface RuntimeSourceTable {
  source: string;
  /** Events that opened no incident because too many of this source were open. */
  held_back: ColumnType<number, number | undefined, number>;
  held_back_at: NullableTime;
  last_event_at: NullableTime;
}

/** An agent at work, as a source calls it. */
interface RuntimeSeenTable {
  source: string;
  /** `agent`, `agent-id`, `service` or `key`: which of its names this is. */
  kind: string;
  name: string;
  model: ColumnType<string | null, string | null | undefined, string | null>;
  calls: ColumnType<number, number | undefined, number>;
  first_at: DefaultTime;
  last_at: DefaultTime;
}
