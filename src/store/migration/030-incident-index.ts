import { statements } from "./statements.ts";

/**
 * The index of incidents asks first and often whether anything has changed since it looked (src/store/incident-index.ts); the audit
 * page reads the log backwards.
 */
export const incidentIndex = statements(
  "create index incident_seq on incident (id, seq)",
  "create index event_time on event (at, stream, seq)",
  "create index occurrence_repository on occurrence (incident_id, repository)",
);
