import type { ColumnType, Generated, RawBuilder } from "kysely";
import type { Location, Severity, Validity } from "../finding.ts";
import type { Incident } from "../incident/fold.ts";
import type { RuntimeKind } from "../incident/runtime.ts";
import type { GovernanceSchema } from "./schema-governance.ts";
import type { RuntimeSchema } from "./schema-runtime.ts";

/** `timestamptz`: read as Date, written as Date or ISO 8601 text. */
type Time = ColumnType<Date, Date | string, Date | string>;
type NullableTime = ColumnType<Date | null, Date | string | null | undefined, Date | string | null>;
type DefaultTime = ColumnType<Date, Date | string | undefined, Date | string>;
/** `jsonb`: read parsed, written as JSON.stringify text, so that arrays are not taken for PostgreSQL arrays. */
type Json<T = unknown> = ColumnType<T, string, string>;
type NullableJson<T = unknown> = ColumnType<T | null, string | null | undefined, string | null>;
type Nullable<T> = ColumnType<T | null, T | null | undefined, T | null>;
type Defaulted<T> = ColumnType<T, T | undefined, T>;

/** Every table that Rekey owns; one SQL dialect (PostgreSQL), see src/store/migration. No column ever holds a credential's value. */
export interface Schema extends GovernanceSchema, RuntimeSchema {
  event: EventTable;
  event_checkpoint: CheckpointTable;
  actor: ActorTable;
  delivery: DeliveryTable;
  incident: IncidentTable;
  occurrence: OccurrenceTable;
  receipt: ReceiptTable;
  plan: PlanTable;
  approval: ApprovalTable;
  consumer_report: ConsumerReportTable;
  installation: InstallationTable;
  repository: RepositoryTable;
  pull_request: PullRequestTable;
  pull_request_finding: PullRequestFindingTable;
  command: CommandTable;
  outbox: OutboxTable;
  inventory: InventoryTable;
  blob_scan: BlobScanTable;
  store_entry: StoreEntryTable;
  connection_use: ConnectionUseTable;
  rollout_confirmation: RolloutConfirmationTable;
  rollout_hold: RolloutHoldTable;
}

/** One link of a hash chain. Rows can only be added (a trigger refuses the rest). */
interface EventTable {
  stream: string;
  seq: number;
  at: Time;
  body: Json<Record<string, unknown>>;
  previous: string;
  hash: string;
}

interface CheckpointTable {
  id: Generated<number>;
  at: Time;
  /** How many events all streams together had. */
  events: number;
  /** JSON list of `[stream, seq, hash]`: the heads that moved since the checkpoint before. */
  heads: string;
  previous: string;
  hash: string;
}

/** People, apart from the events that name them, so that a person can be erased and the chain still verifies. */
interface ActorTable {
  id: string;
  /** Null once erased. */
  name: string | null;
  salt: string | null;
  hash: string;
  erased_at: NullableTime;
}

/** The allow-listed envelope of a webhook, never its payload. */
interface DeliveryTable {
  guid: string;
  event: string;
  action: Nullable<string>;
  installation_id: Nullable<number>;
  repository_id: Nullable<number>;
  envelope: Json<Record<string, unknown>>;
  received_at: DefaultTime;
  handled_at: NullableTime;
  error_code: Nullable<string>;
}

/** A projection of the incident's events, written in the transaction that appends them. */
interface IncidentTable {
  id: string;
  tenant: string;
  /** `credentialKey` of src/finding.ts; unique in a tenant. */
  credential: string;
  fingerprint: string;
  subject: Nullable<string>;
  detector: string;
  title: string;
  severity: Severity;
  state: "open" | "resolved";
  resolution: Nullable<string>;
  validity: Validity;
  owner: Nullable<string>;
  repository: Nullable<string>;
  /** Of a runtime event, and the source that reported it; null = a credential. */
  kind: Nullable<RuntimeKind>;
  source: Nullable<string>;
  pre_existing: boolean;
  exposed_at: Time;
  detected_at: Time;
  dead_at: NullableTime;
  closed_at: NullableTime;
  accepted_until: NullableTime;
  /** Last event that this row has seen. */
  seq: number;
  /** Up to which event it was told to the outside. */
  told_seq: Defaulted<number>;
  told_overdue: Defaulted<boolean>;
  body: Json<Incident>;
}

interface OccurrenceTable {
  id: Generated<number>;
  incident_id: string;
  /** Hash of everything that makes two sightings the same place; unique in an incident. */
  place: string;
  finding_id: string;
  repository: Nullable<string>;
  path: Nullable<string>;
  commit: Nullable<string>;
  pull_request: Nullable<number>;
  /** The account that pushed (the webhook's sender), never the git author. */
  pushed_by: Nullable<string>;
  /** Accounts of the commit's authors, as GitHub resolved them. */
  authors: Json<readonly string[]>;
  location: Json<Location>;
  /** Locator of src/document.ts: where the value can be read again. */
  locator: Json;
  /** The whole Finding of src/finding.ts, which holds no value. */
  finding: Json;
  exposed_at: Time;
  seen_at: DefaultTime;
  /** When the place was last found clean. */
  gone_at: NullableTime;
}

/** What one probe answered. */
interface ReceiptTable {
  id: Generated<number>;
  incident_id: string;
  run: Nullable<string>;
  /** Which round of probes this belongs to; its control has the same number. */
  round: number;
  subject: "old" | "control";
  answer: "alive" | "invalid" | "disabled" | "unknown" | "absent";
  /** Status and body code as words, never a body. */
  code: string;
  control: "none" | "receipt" | "new-credential" | "other-live";
  via: "probe" | "control-plane";
  at: DefaultTime;
}

interface PlanTable {
  hash: string;
  incident_id: string;
  playbook: string;
  body: Json;
  created_at: DefaultTime;
}

/** A person's yes to one plan hash, good for one run. */
interface ApprovalTable {
  id: Generated<number>;
  incident_id: string;
  plan_hash: string;
  approver: string;
  role: string;
  /** Where it was given (comment URL, check action id): the same source never counts twice. */
  source: string;
  given_at: DefaultTime;
  used_by_run: Nullable<string>;
}

interface ConsumerReportTable {
  id: Generated<number>;
  name: string;
  connection: string;
  path: string;
  version: string;
  at: DefaultTime;
}

interface InstallationTable {
  host: string;
  id: number;
  account_id: number;
  account: string;
  suspended: Defaulted<boolean>;
  updated_at: DefaultTime;
}

interface RepositoryTable {
  host: string;
  id: number;
  installation_id: number;
  full_name: string;
  private: boolean;
  default_branch: string;
  /** When the whole history was last looked through. */
  backfilled_at: NullableTime;
  /** When the default branch's inventory was last stored. */
  inventory_at: NullableTime;
  topics: ColumnType<readonly string[], string | undefined, string>;
  /** GitHub's custom properties of the repository. */
  properties: ColumnType<Readonly<Record<string, string>>, string | undefined, string>;
  /** The last good `.github/rekey.yml` of the default branch. */
  policy: NullableJson;
  /** What is wrong with the one that stands there now, with its line. */
  policy_error: Nullable<string>;
  /** When GitHub's own secret-scanning alerts were last read, and what is missing where they cannot be. */
  alerts_at: NullableTime;
  alerts_off: Nullable<string>;
  updated_at: DefaultTime;
}

/** The rules of an organisation's rollout that somebody has looked at and confirmed. */
interface RolloutConfirmationTable {
  host: string;
  account: string;
  rules: Json;
  by: string;
  at: DefaultTime;
}

/** One row: everything observes, whatever the rules say. */
interface RolloutHoldTable {
  only_row: Defaulted<boolean>;
  by: string;
  reason: string;
  at: DefaultTime;
}

/** What is known about a pull request and what stands on it. */
interface PullRequestTable {
  host: string;
  repository_id: number;
  number: number;
  installation_id: number;
  repository: string;
  head_sha: string;
  head_ref: Nullable<string>;
  base_sha: Nullable<string>;
  base_ref: Nullable<string>;
  state: Defaulted<string>;
  private: Defaulted<boolean>;
  fork: Defaulted<boolean>;
  /** The account behind the last push (webhook sender). */
  sender: Nullable<string>;
  author: Nullable<string>;
  scanned_sha: Nullable<string>;
  scan_complete: Nullable<boolean>;
  scan_reason: Nullable<string>;
  check_run_id: Nullable<number>;
  check_sha: Nullable<string>;
  check_status: Nullable<string>;
  check_conclusion: Nullable<string>;
  check_hash: Nullable<string>;
  comment_id: Nullable<number>;
  comment_hash: Nullable<string>;
  /** Plan hashes that our last write of the comment showed, by incident id. */
  comment_plans: NullableJson<Record<string, string>>;
  /** GitHub's own `updated_at` of that write: commands bind to it. */
  comment_updated_at: NullableTime;
  review_id: Nullable<number>;
  /** The base branch's tip that the last scan was made against. */
  base_tip: Nullable<string>;
  /** When the oldest event came that no scan has answered yet; null where the last scan is up to date. */
  pending_since: NullableTime;
  /** Why the last try to scan failed: a fixed sentence. */
  failure: Nullable<string>;
  /** The deadline of `on_unavailable` has passed, or trying again is of no use. */
  overdue: Defaulted<boolean>;
  /** The answer to the last command. */
  note: Nullable<string>;
  /** Check and comment may differ from what they should be. */
  surface_due: Defaulted<boolean>;
  /** The stage at which they were last written. */
  stage: Nullable<string>;
  /** What the head would silence, if somebody with the right agreed. */
  requests: NullableJson<readonly SilenceRequest[]>;
  requests_confirmed_by: Nullable<string>;
  /** How many commits the last scan judged. */
  scan_commits: Nullable<number>;
  updated_at: DefaultTime;
}

/** New rules of one file in a head; never what they say. */
export interface SilenceRequest {
  readonly file: string;
  readonly entries: number;
}

/** A finding that a pull request adds. Stays when the line goes: the open state is carried to each new head. */
interface PullRequestFindingTable {
  host: string;
  repository_id: number;
  number: number;
  finding_id: string;
  incident_id: string;
  head_sha: string;
  finding: Json;
  /** The line is still in the head. */
  present: Defaulted<boolean>;
  seen_at: DefaultTime;
}

/** A command that somebody gave, once: `source` is comment kind and id, or check-run action. */
interface CommandTable {
  source: string;
  verb: string;
  incident_id: Nullable<string>;
  by: string;
  body: Json;
  given_at: Time;
  handled_at: NullableTime;
  result: Nullable<string>;
}

/** The state that a surface outside should have; a worker makes it so. */
interface OutboxTable {
  key: string;
  kind: string;
  installation_id: Nullable<number>;
  desired: Json;
  desired_hash: string;
  applied_hash: Nullable<string>;
  external_id: Nullable<string>;
  attempts: Defaulted<number>;
  error_code: Nullable<string>;
  updated_at: DefaultTime;
  applied_at: NullableTime;
}

/** The default branch of a repository, as last read: findings, identities and granting files. */
interface InventoryTable {
  host: string;
  repository_id: number;
  commit: string;
  ruleset: string;
  complete: boolean;
  body: Json;
  updated_at: DefaultTime;
}

interface BlobScanTable {
  tenant: string;
  blob: string;
  path_class: string;
  ruleset: string;
  findings: Json;
  scanned_at: DefaultTime;
}

/** A fingerprint that stands in a secret manager. */
interface StoreEntryTable {
  tenant: string;
  connection: string;
  path: string;
  field: Defaulted<string>;
  version: string;
  fingerprint: string;
  subject: Nullable<string>;
  bits: number;
  tags: ColumnType<Record<string, string>, string | undefined, string>;
  seen_at: ColumnType<Date, Date | string | RawBuilder<Date> | undefined, Date | string>;
}

interface ConnectionUseTable {
  name: string;
  last_ok_at: NullableTime;
  last_failed_at: NullableTime;
  error_code: Nullable<string>;
}
