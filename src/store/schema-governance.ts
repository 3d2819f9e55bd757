import type { ColumnType } from "kysely";
import type { Applied, Decision, ItemState, Snapshot } from "../governance/review.ts";

type Time = ColumnType<Date, Date | string, Date | string>;
type DefaultTime = ColumnType<Date, Date | string | undefined, Date | string>;
type NullableTime = ColumnType<Date | null, Date | string | null | undefined, Date | string | null>;
type Nullable<T> = ColumnType<T | null, T | null | undefined, T | null>;

/** Tables of src/store/migration/040-governance.ts. */
export interface GovernanceSchema {
  review_campaign: CampaignTable;
  review_item: ItemTable;
}

interface CampaignTable {
  id: string;
  name: string;
  created_by: string;
  created_at: DefaultTime;
  due_at: Time;
  /** Where its issue stands, `owner/name`. */
  repository: Nullable<string>;
  issue_number: Nullable<number>;
  /** Of the issue's body as last written. */
  issue_hash: Nullable<string>;
}

interface ItemTable {
  id: string;
  campaign_id: string;
  identity_id: string;
  owner: Nullable<string>;
  state: ItemState;
  snapshot: ColumnType<Snapshot, string, string>;
  hash: string;
  decisions: ColumnType<readonly Decision[], string | undefined, string>;
  applied: ColumnType<Applied | null, string | null | undefined, string | null>;
  /** The incident whose death ends a denial. */
  incident_id: Nullable<string>;
  decided_at: NullableTime;
  verified_at: NullableTime;
}
