import type { Campaign, Item } from "../governance/review.ts";

export interface ListedCampaign extends Campaign {
  readonly items: number;
  readonly done: number;
}

/** What the governance pages and their API read; the store gives it. */
export interface GovernanceReaders {
  /** Newest first. */
  campaigns(): Promise<readonly Campaign[]>;
  campaign(id: string): Promise<Campaign | undefined>;
  /** Of one campaign, or of all. */
  items(campaign?: string): Promise<readonly Item[]>;
}

/** Carries a decision out that a person gave on the dashboard, or says in one sentence why not. */
export type Decide = (decision: {
  readonly item: string;
  readonly hash: string;
  readonly verdict: "keep" | "deny";
  /** GitHub login. */
  readonly by: string;
  readonly reason: string;
}) => Promise<{ readonly ok: boolean; readonly text: string }>;

/** Takes decisions of other systems. */
export interface DecisionGate {
  /** What the bearer of this token is called; undefined where nobody knows it. Compares in constant time. */
  verify(token: string): string | undefined;
  decide(
    decisions: readonly { item: string; hash: string; verdict: "keep" | "deny"; by: string; reason: string }[],
    via: string,
  ): Promise<readonly { item: string; ok: boolean; text: string }[]>;
}
