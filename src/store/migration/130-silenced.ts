import { statements } from "./statements.ts";

/** Credential types that are silenced for the whole organisation. */
export const silenced = statements(
  `create table silenced_detector (
    detector text primary key check (length(detector) <= 200),
    by text not null,
    reason text not null check (length(reason) <= 500),
    at timestamptz not null default clock_timestamp()
  )`,
);
