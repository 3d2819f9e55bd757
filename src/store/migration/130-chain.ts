import { statements } from "./statements.ts";

/** What may be one matter with an incident is found by its identities and by the credential that it used (`chainCandidates`). */
export const chain = statements(
  "create index incident_identities on incident using gin ((body -> 'identities') jsonb_path_ops)",
  `create index incident_used_credential on incident ((body -> 'usedCredential' ->> 'incident'))
    where (body -> 'usedCredential' ->> 'incident') is not null`,
);
