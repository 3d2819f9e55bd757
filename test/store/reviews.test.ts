import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import type { Snapshot } from "../../src/governance/review.ts";
import { readEvents, verifyChain } from "../../src/store/events.ts";
import { forgetPerson } from "../../src/store/people.ts";
import {
  campaignOfIssue,
  createCampaign,
  getItem,
  issueOf,
  listCampaigns,
  listItems,
  recordApplied,
  recordDecision,
  recordVerified,
  refreeze,
  saveIssue,
} from "../../src/store/reviews.ts";
import { onEachDatabase } from "./databases.ts";

const snapshot = (name: string): Snapshot => ({
  identity: { id: `agent:acme#${name}`, kind: "agent", name, owner: "@mara" },
  access: { kind: "stored", connection: "prod", path: `secret/${name}` },
  permissions: [],
  lifetime: "standing",
  evidence: [],
});

describe("access reviews", () => {
  onEachDatabase((open) => {
    test("a campaign's items go from frozen to decided to verified, each step in the log", async () => {
      const { db } = open();
      const campaign = await db.transaction().execute((trx) =>
        createCampaign(trx, {
          name: "Agents",
          by: "the operator",
          dueAt: "2027-01-01T00:00:00.000Z",
          snapshots: [snapshot("a"), snapshot("b")],
        }),
      );
      const [first] = await listItems(db, { campaign: campaign.id });
      if (first === undefined) throw new Error("there is no item");
      const decision = { verdict: "deny", by: "mara", reason: "retired", via: "issue", at: "2026-03-01T10:00:00.000Z" } as const;
      await db.transaction().execute((trx) => recordDecision(trx, first, decision, "denied"));
      await db
        .transaction()
        .execute((trx) => recordApplied(trx, first, { state: "started", sentence: "being ended", incident: "RK-7F3K" }));
      const denied = await getItem(db, first.id);
      if (denied === undefined) throw new Error("there is no item");
      expect(denied).toMatchObject({ state: "denied", decisions: [decision], applied: { incident: "RK-7F3K" } });
      await db.transaction().execute((trx) => recordVerified(trx, denied));
      expect((await getItem(db, first.id))?.state).toBe("verified");
      expect(await listItems(db, { state: "open" })).toHaveLength(1);
      const types = async (stream: string) => (await readEvents<{ type: string }>(db, stream)).map(({ event }) => event.type);
      expect(await types(campaign.id)).toEqual(["campaign-opened"]);
      expect(await types(first.id)).toEqual(["item-decided", "denial-applied", "denial-verified"]);
      expect((await verifyChain(db)).problems).toEqual([]);
    });

    test("a campaign of ten thousand items is opened at once and every item can be decided", { timeout: 120_000 }, async () => {
      const { db } = open();
      const snapshots = Array.from({ length: 10_000 }, (_, index) => snapshot(`agent-${index}`));
      const campaign = await db
        .transaction()
        .execute((trx) => createCampaign(trx, { name: "Large", by: "the operator", dueAt: "2027-01-01T00:00:00.000Z", snapshots }));
      const items = await listItems(db, { campaign: campaign.id });
      expect(new Set(items.map(({ id }) => id)).size).toBe(10_000);
      const decision = { verdict: "keep", by: "mara", reason: "in use", via: "issue", at: "2026-03-01T10:00:00.000Z" } as const;
      for (const item of items.slice(0, 20)) await db.transaction().execute((trx) => recordDecision(trx, item, decision, "kept"));
      expect((await listItems(db, { campaign: campaign.id, state: "kept" })).length).toBe(20);
      expect((await verifyChain(db)).problems).toEqual([]);
    });

    test("a new snapshot takes the decisions about the old one away", async () => {
      const { db } = open();
      const campaign = await db
        .transaction()
        .execute((trx) =>
          createCampaign(trx, { name: "Again", by: "the operator", dueAt: "2027-01-01T00:00:00.000Z", snapshots: [snapshot("c")] }),
        );
      const [item] = await listItems(db, { campaign: campaign.id });
      if (item === undefined) throw new Error("there is no item");
      const decision = { verdict: "keep", by: "mara", reason: "used", via: "issue", at: "2026-03-01T10:00:00.000Z" } as const;
      await db.transaction().execute((trx) => recordDecision(trx, item, decision, "kept"));
      const hash = await db.transaction().execute((trx) => refreeze(trx, item, { ...snapshot("c"), lifetime: "temporary" }));
      expect(await getItem(db, item.id)).toMatchObject({ state: "open", decisions: [], hash });
      expect(hash).not.toBe(item.hash);
      expect((await listCampaigns(db))[0]?.id).toBe(campaign.id);
    });

    test("who is erased stands in no item any more, and the log still verifies", async () => {
      const { db } = open();
      const made = { ...snapshot("e"), authors: ["Mara", "dev"] };
      await db
        .transaction()
        .execute((trx) =>
          createCampaign(trx, { name: "Erase", by: "mara", dueAt: "2027-01-01T00:00:00.000Z", snapshots: [made, snapshot("f")] }),
        );
      const [, item] = await listItems(db);
      const mine = (await listItems(db)).find(({ snapshot: { identity } }) => identity.name === "e");
      if (item === undefined || mine === undefined) throw new Error("there is no item");
      const decision = { verdict: "keep", by: "MARA", reason: "used", via: "issue", at: "2026-03-01T10:00:00.000Z" } as const;
      await db.transaction().execute((trx) => recordDecision(trx, mine, decision, "kept"));
      expect([...(await forgetPerson(db, "mara")).keys()].toSorted()).toEqual(
        expect.arrayContaining(["actor", "review_campaign", "review_item"]),
      );
      const after = await getItem(db, mine.id);
      expect(after).toMatchObject({
        hash: mine.hash,
        decisions: [{ by: "erased", reason: "used" }],
        snapshot: { identity: { owner: "erased", name: "e" }, authors: ["erased", "dev"] },
      });
      for (const table of ["event", "actor", "review_item", "review_campaign"]) {
        const { rows } = await sql<{
          text: string;
        }>`select coalesce(string_agg(t::text, ''), '') as text from ${sql.table(table)} t`.execute(db);
        expect(rows[0]?.text.toLowerCase(), table).not.toContain("mara");
      }
      expect((await verifyChain(db)).problems).toEqual([]);
    });

    test("a campaign is found by its issue, and only by the right one", async () => {
      const { db } = open();
      const campaign = await db
        .transaction()
        .execute((trx) =>
          createCampaign(trx, { name: "Issue", by: "the operator", dueAt: "2027-01-01T00:00:00.000Z", snapshots: [snapshot("d")] }),
        );
      await saveIssue(db, campaign.id, { repository: "acme/reviews" });
      expect(await issueOf(db, campaign.id)).toEqual({ repository: "acme/reviews" });
      await saveIssue(db, campaign.id, { repository: "acme/reviews", number: 7, hash: "h" });
      expect((await campaignOfIssue(db, { repository: "acme/reviews", number: 7 }))?.id).toBe(campaign.id);
      expect(await campaignOfIssue(db, { repository: "acme/other", number: 7 })).toBeUndefined();
    });
  });
});
