import { statements } from "./statements.ts";

export const storeInventory = statements(
  `alter table store_entry add column tags jsonb not null default '{}'`,
  // one reading of all that a connection may list; it goes on where it was cut off
  `create table store_reading (
    tenant text not null,
    connection text not null,
    started_at timestamptz not null,
    finished_at timestamptz,
    entries integer not null default 0,
    last_finished_at timestamptz,
    error_code text,
    primary key (tenant, connection)
  )`,
  // who asked about how many values: a match must not become an oracle for guesses
  `create table store_question (
    actor text not null,
    fingerprint text not null,
    at timestamptz not null default now(),
    primary key (actor, fingerprint)
  )`,
);
