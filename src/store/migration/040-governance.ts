import { statements } from "./statements.ts";

/** Access reviews. Every change is also an event of the stream that its id names. */
export const governance = statements(
  `create table review_campaign (
    id text primary key check (id ~ '^RV-[0-9A-HJKMNP-TV-Z]{4,8}$'),
    name text not null check (length(name) <= 200),
    created_by text not null,
    created_at timestamptz not null default clock_timestamp(),
    due_at timestamptz not null,
    repository text,
    issue_number bigint,
    issue_hash text
  )`,
  `create table review_item (
    id text primary key check (id ~ '^RI-[0-9A-HJKMNP-TV-Z]{4,8}$'),
    campaign_id text not null references review_campaign (id),
    identity_id text not null,
    owner text,
    state text not null check (state in ('open', 'second-needed', 'kept', 'denied', 'verified')),
    snapshot jsonb not null,
    hash text not null,
    decisions jsonb not null default '[]',
    applied jsonb,
    incident_id text,
    decided_at timestamptz,
    verified_at timestamptz
  )`,
  `create index review_item_campaign on review_item (campaign_id, id)`,
  `create index review_item_denied on review_item (incident_id) where state = 'denied'`,
);
