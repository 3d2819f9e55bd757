import { statements } from "./statements.ts";

export const rotationControl = statements(
  `alter table rotation_run add column holds integer not null default 0`,
  `alter table rotation_run add column ended_at timestamptz`,
  // started by two people in an emergency: pause and caps do not bind it
  `alter table rotation_run add column break_glass boolean not null default false`,
  `create index rotation_run_recent on rotation_run (started_at)`,
  `create index rotation_run_incident on rotation_run (incident_id, started_at)`,
  `create index rotation_effect_fingerprint on rotation_effect ((result -> 'value' ->> 'fingerprint')) where key = 'issue'`,
  // what a person or the policy asked for and may not start yet
  `create table rotation_request (
    incident_id text primary key references incident (id),
    plan_hash text not null,
    requester text not null,
    risk integer not null,
    break_glass boolean not null default false,
    not_before timestamptz not null,
    requested_at timestamptz not null default clock_timestamp(),
    waits_for text
  )`,
  `create table rotation_pause (
    only_row boolean primary key default true check (only_row),
    by text not null,
    reason text not null check (length(reason) <= 500),
    at timestamptz not null default clock_timestamp()
  )`,
  `create table rehearsal (
    id bigserial primary key,
    playbook text not null,
    version integer not null,
    digest text not null,
    connection text not null,
    passed boolean not null,
    body jsonb not null,
    at timestamptz not null default clock_timestamp()
  )`,
  `create index rehearsal_playbook on rehearsal (digest, connection, at)`,
);
