import { statements } from "./statements.ts";

/** Runtime events as incidents of their own kind, and the agents that were seen at work. */
export const runtime = statements(
  `alter table incident add column kind text
    check (kind in ('prompt-injection', 'data-leakage', 'unsafe-tool-use', 'policy-violation'))`,
  `alter table incident add column source text`,
  `alter table incident drop constraint incident_resolution_check`,
  `alter table incident add constraint incident_resolution_check
    check (resolution in ('revoked', 'false_positive', 'wont_fix', 'used_in_tests', 'resolved', 'contained'))`,
  `create index incident_source on incident (source) where state = 'open' and source is not null`,
  `create table runtime_event (
    source text not null,
    key text not null,
    incident_id text not null references incident (id),
    received_at timestamptz not null default clock_timestamp(),
    primary key (source, key)
  )`,
  `create index runtime_event_received on runtime_event (received_at)`,
  `create index runtime_event_incident on runtime_event (incident_id)`,
  `create table runtime_source (
    source text primary key,
    held_back bigint not null default 0,
    held_back_at timestamptz,
    last_event_at timestamptz
  )`,
  `create table runtime_seen (
    source text not null,
    kind text not null check (kind in ('agent', 'agent-id', 'service', 'key')),
    name text not null check (length(name) <= 200),
    model text,
    calls bigint not null default 1,
    first_at timestamptz not null default clock_timestamp(),
    last_at timestamptz not null default clock_timestamp(),
    primary key (source, kind, name)
  )`,
  `create index runtime_seen_name on runtime_seen (name)`,
);
