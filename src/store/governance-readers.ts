import type { Kysely } from "kysely";
import type { Campaign, Item } from "../governance/review.ts";
import { getCampaign, listCampaigns, listItems } from "./reviews.ts";
import type { Schema } from "./schema.ts";

/** What the governance pages read, over the database: hand it to `createWeb` as `governance`. */
export interface StoreGovernance {
  campaigns(): Promise<readonly Campaign[]>;
  campaign(id: string): Promise<Campaign | undefined>;
  items(campaign?: string): Promise<readonly Item[]>;
}

export function governanceReaders(db: Kysely<Schema>): StoreGovernance {
  return {
    campaigns: () => listCampaigns(db),
    campaign: (id) => getCampaign(db, id),
    items: (campaign) => listItems(db, campaign === undefined ? {} : { campaign }),
  };
}
