import { statements } from "./statements.ts";

export const access = statements(
  `create table web_session (
    hash text primary key,
    name text not null,
    role text not null,
    repositories jsonb not null,
    provider text not null,
    created_at timestamptz not null default clock_timestamp(),
    seen_at timestamptz not null default clock_timestamp(),
    fresh_at timestamptz not null default clock_timestamp(),
    checked_at timestamptz not null default clock_timestamp()
  )`,
  `create index web_session_seen on web_session (seen_at)`,
  `create table api_token (
    id bigserial primary key,
    name text not null unique check (length(name) between 1 and 60),
    hash text not null unique,
    scopes jsonb not null,
    repositories jsonb,
    created_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null,
    used_at timestamptz
  )`,
);
