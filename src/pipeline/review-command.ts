import { campaignOfIssue, getItem } from "../store/reviews.ts";
import type { Request } from "./commands.ts";
import type { Rekey } from "./context.ts";
import { decideItem } from "./reviews.ts";

/** `keep` and `deny` in the issue of a campaign, by whoever wrote the comment. */
export async function decideOnIssue(rekey: Rekey, request: Request): Promise<{ ok: boolean; text: string }> {
  const { verb, item: id, text, hash } = request.command;
  const campaign = await campaignOfIssue(rekey.database.db, { repository: request.repository.fullName, number: request.number });
  if (campaign === undefined) return { ok: false, text: `\`${verb}\` decides an item of an access review: say it in the review's issue.` };
  if (id === undefined || text === undefined)
    return { ok: false, text: `Name the item and give a reason: \`/rekey ${verb} RI-… "reason"\`.` };
  const item = await getItem(rekey.database.db, id);
  if (item?.campaign !== campaign.id) return { ok: false, text: `${id} is not an item of ${campaign.id}.` };
  const sentence = await decideItem(rekey, {
    item: id,
    verdict: verb === "deny" ? "deny" : "keep",
    by: request.by,
    reason: text,
    via: "issue",
    ...(hash === undefined ? {} : { hash }),
  });
  return { ok: true, text: `${sentence}.` };
}
