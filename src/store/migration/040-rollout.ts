import { statements } from "./statements.ts";

export const rollout = statements(
  `alter table repository add column topics jsonb not null default '[]'`,
  `alter table repository add column properties jsonb not null default '{}'`,
  // the last good .github/rekey.yml of the default branch, and what is wrong with the one that stands there now
  `alter table repository add column policy jsonb`,
  `alter table repository add column policy_error text`,
  // the stage at which check and comment were last written
  `alter table pull_request add column stage text`,
  `create table rollout_confirmation (
    host text not null,
    account text not null,
    rules jsonb not null,
    by text not null,
    at timestamptz not null default clock_timestamp(),
    primary key (host, account)
  )`,
  `create table rollout_hold (
    only_row boolean primary key default true check (only_row),
    by text not null,
    reason text not null check (length(reason) <= 500),
    at timestamptz not null default clock_timestamp()
  )`,
);
