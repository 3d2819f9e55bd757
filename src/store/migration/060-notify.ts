import { statements } from "./statements.ts";

export const notify = statements(
  // up to which event an incident was told to the outside; what was there before this came is not news
  `alter table incident add column told_seq integer not null default 0`,
  `update incident set told_seq = seq`,
  `create index incident_untold on incident (id) where told_seq < seq`,
  `alter table incident add column told_overdue boolean not null default false`,
);
