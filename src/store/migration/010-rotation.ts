import { statements } from "./statements.ts";

export const rotation = statements(
  `create table rotation_run (
    id text primary key check (length(id) <= 60),
    incident_id text not null,
    credential text not null,
    plan jsonb not null,
    state text not null default 'running' check (state in ('running', 'held', 'done', 'undone', 'failed')),
    code text,
    message text,
    cancelled boolean not null default false,
    epoch integer not null default 0,
    lease_until timestamptz,
    started_at timestamptz not null default now()
  )`,
  // one open run a credential, whoever starts it
  `create unique index rotation_run_open on rotation_run (credential) where state in ('running', 'held')`,
  `create table rotation_effect (
    run text not null references rotation_run (id),
    key text not null,
    state text not null check (state in ('intended', 'sent', 'confirmed', 'unknown', 'undone')),
    destroy boolean not null,
    epoch integer not null,
    result jsonb,
    at timestamptz not null default now(),
    primary key (run, key)
  )`,
);
