import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { z } from "zod";
import { UsageError } from "../errors.ts";
import { type Item, isDone } from "../governance/review.ts";
import { parseShortId } from "../incident/id.ts";
import { accountsCsv, entitlementsCsv, type ImportedDecision, parseDecisionsCsv } from "../report/review-feeds.ts";
import type { Decide, DecisionGate, GovernanceReaders, ListedCampaign } from "./governance-readers.ts";
import { messagePage } from "./layout.ts";
import { type Sessions, sessionOf } from "./login/session.ts";
import { reviewPage, reviewsPage } from "./reviews.ts";
import { sees, viewerOf } from "./viewer.ts";

const Given = z.object({
  item: z.string().max(20),
  hash: z.string().max(64),
  verdict: z.enum(["keep", "deny"]),
  reason: z.string().trim().min(1).max(500),
});

export interface GovernanceOptions {
  readonly governance: GovernanceReaders;
  readonly now: () => string;
  /** Log-in of people, who may then decide here. */
  readonly deciding?: { readonly sessions: Sessions; readonly decide: Decide };
}

/** Access reviews as pages, JSON and feeds. Each viewer sees the items of the repositories that they may see. */
export function governanceRoutes({ governance, now, deciding }: GovernanceOptions): Hono {
  const app = new Hono();
  const mine = (context: Context, items: readonly Item[]) =>
    items.filter(({ snapshot }) =>
      sees(viewerOf(context), { repositories: snapshot.repository === undefined ? [] : [snapshot.repository] }),
    );
  const campaigns = async (context: Context): Promise<ListedCampaign[]> => {
    const own = Map.groupBy(mine(context, await governance.items()), ({ campaign }) => campaign);
    return (await governance.campaigns()).flatMap((campaign) => {
      const items = own.get(campaign.id) ?? [];
      return items.length === 0 ? [] : [{ ...campaign, items: items.length, done: items.filter(({ state }) => isDone(state)).length }];
    });
  };
  const one = async (context: Context) => {
    const id = parseShortId("RV", context.req.param("id") ?? "");
    const campaign = id === undefined ? undefined : await governance.campaign(id);
    const items = campaign === undefined ? [] : mine(context, await governance.items(campaign.id));
    return campaign === undefined || items.length === 0 ? undefined : { campaign, items };
  };
  const feed = (name: string, render: (items: readonly Item[]) => string) => async (context: Context) => {
    const found = await one(context);
    if (found === undefined) return context.notFound();
    return context.body(render(found.items), 200, {
      "content-type": "text/csv; charset=utf-8",
      "content-disposition": `attachment; filename="${found.campaign.id}-${name}.csv"`,
    });
  };

  app.get("/reviews", async (context) => context.html(reviewsPage(await campaigns(context), now())));
  app.get("/reviews/:id", async (context) => {
    const found = await one(context);
    if (found === undefined) return context.notFound();
    const session = sessionOf(context);
    const form = deciding === undefined || session?.provider !== "github" ? undefined : deciding.sessions.formToken(session);
    const { owner, page } = context.req.query();
    const view = { now: now(), form, owner, page: /^\d{1,4}$/.test(page ?? "") ? Number(page) : 1 };
    return context.html(reviewPage(found.campaign, found.items, view));
  });
  if (deciding !== undefined)
    app.post("/reviews/:id/decide", async (context) => {
      const session = sessionOf(context);
      if (session?.provider !== "github")
        return context.html(messagePage("Not for you", "Who decides is named by GitHub: log in through it."), 403);
      if (!(await deciding.sessions.isOurs(context, session)))
        return context.html(
          messagePage("Not taken", "This did not come from a page of this server, or the page was too old. Open it again."),
          403,
        );
      const form = Given.safeParse(await context.req.parseBody());
      const found = await one(context);
      const item = found?.items.find(({ id }) => id === (form.success ? form.data.item : ""));
      if (found === undefined || (form.success && item === undefined)) return context.notFound();
      const back = `/reviews/${found.campaign.id}`;
      if (!form.success) return context.html(messagePage("Not understood", "Expected keep or deny, and a reason.", back), 400);
      if (!session.fresh) return context.redirect(`/login/github?fresh=1&next=${encodeURIComponent(`${back}#${form.data.item}`)}`, 303);
      const said = await deciding.decide({ ...form.data, by: session.viewer.name });
      return context.html(
        messagePage(said.ok ? `${form.data.item}: taken` : `${form.data.item}: not done`, said.text, back),
        said.ok ? 200 : 409,
      );
    });
  app.get("/reviews/:id/accounts.csv", feed("accounts", accountsCsv));
  app.get("/reviews/:id/entitlements.csv", feed("entitlements", entitlementsCsv));
  app.get("/api/v1/reviews", async (context) => context.json({ version: 1, campaigns: await campaigns(context) }));
  app.get("/api/v1/reviews/:id", async (context) => {
    const found = await one(context);
    return found === undefined
      ? context.json({ error: "there is no access review with this id" }, 404)
      : context.json({ version: 1, ...found });
  });
  return app;
}

const word = z.string().min(1).max(300);
const Decisions = z.strictObject({
  decisions: z
    .array(
      z.strictObject({
        item_id: z.string().max(20),
        snapshot_hash: z.string().min(1).max(64),
        decision: z.enum(["keep", "deny"]),
        reviewer: word,
        reason: z.string().min(1).max(500),
      }),
    )
    .min(1)
    .max(1000),
});

/**
 * `POST /api/v1/reviews/decisions`: decisions out of an identity-governance system, as JSON or as the entitlement feed filled in
 * (text/csv), by its own bearer token. Each is answered; a refused one says why.
 */
export function decisionRoutes(gate: DecisionGate): Hono {
  const app = new Hono();
  const limit = bodyLimit({ maxSize: 2 << 20, onError: (context) => context.json({ error: "at most 2 MiB a request" }, 413) });
  app.post("/api/v1/reviews/decisions", limit, async (context) => {
    const token = /^Bearer (\S+)$/.exec(context.req.header("authorization") ?? "")?.[1];
    const name = token === undefined ? undefined : gate.verify(token);
    if (name === undefined)
      return context.json({ error: "this token may not decide (reviews.tokens in rekey.yml)" }, 401, { "www-authenticate": "Bearer" });
    const given = await decisionsOf(context);
    if (typeof given === "string") return context.json({ error: given }, 400);
    return context.json({ version: 1, results: await gate.decide(given, `api:${name}`) });
  });
  return app;
}

async function decisionsOf(context: Context): Promise<ImportedDecision[] | string> {
  if ((context.req.header("content-type") ?? "").startsWith("text/csv")) {
    try {
      return parseDecisionsCsv(await context.req.text());
    } catch (error) {
      if (error instanceof UsageError) return error.message;
      throw error;
    }
  }
  const body = Decisions.safeParse(await context.req.json().catch(() => undefined));
  if (!body.success) return z.prettifyError(body.error);
  return body.data.decisions.map(({ item_id, snapshot_hash, decision, reviewer, reason }) => ({
    item: item_id,
    hash: snapshot_hash,
    verdict: decision,
    by: reviewer,
    reason,
  }));
}
