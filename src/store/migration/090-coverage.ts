import { statements } from "./statements.ts";

/** Which agents each runtime source has told of: only that it did and when, never what. */
export const coverage = statements(
  `create table source_report (
    source text not null,
    agent text not null,
    first_at timestamptz not null default clock_timestamp(),
    last_at timestamptz not null default clock_timestamp(),
    primary key (source, agent)
  )`,
  // what was accepted before two people were needed has nobody who agreed
  `update incident set body = jsonb_set(body, '{acceptance}', '{"approvers": [], "people": 1}'::jsonb || (body -> 'acceptance'))
    where body -> 'acceptance' is not null`,
);
