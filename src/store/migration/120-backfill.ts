import { statements } from "./statements.ts";

export const backfill = statements(
  // one row a repository whose history is to be looked through
  `create table backfill (
    host text not null,
    repository_id bigint not null,
    state text not null check (state in ('asked', 'waiting', 'running', 'done', 'failed')),
    kilobytes bigint not null default 0,
    lane integer,
    attempts integer not null default 0,
    not_before timestamptz,
    problem text,
    started_at timestamptz,
    finished_at timestamptz,
    seconds double precision,
    found integer,
    primary key (host, repository_id)
  )`,
  `create table backfill_pause (only_row boolean primary key default true check (only_row), by text not null, at timestamptz not null default now())`,
  `insert into backfill (host, repository_id, state) select host, id, case when backfilled_at is null then 'waiting' else 'done' end from repository`,
);
