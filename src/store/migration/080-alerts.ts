import { statements } from "./statements.ts";

export const alerts = statements(
  `alter table repository add column alerts_at timestamptz`,
  `alter table repository add column alerts_off text`,
  // the few incidents that an alert of GitHub's is about
  `create index incident_alerts on incident (id) where body -> 'alerts' is not null`,
);
