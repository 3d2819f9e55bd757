import { statements } from "./statements.ts";

/** What is still to be done about a pull request, so that a job that dies takes nothing with it. */
export const github = statements(
  `alter table pull_request
    add column base_tip text,
    add column pending_since timestamptz,
    add column failure text check (length(failure) <= 300),
    add column overdue boolean not null default false,
    add column note text check (length(note) <= 4000),
    add column surface_due boolean not null default false,
    add column requests jsonb,
    add column requests_confirmed_by text,
    add column scan_commits integer`,
  `create index pull_request_pending on pull_request (pending_since) where pending_since is not null`,
  `create index pull_request_due on pull_request (updated_at) where surface_due`,
  `alter table repository
    add column backfilled_at timestamptz,
    add column inventory_at timestamptz`,
);
