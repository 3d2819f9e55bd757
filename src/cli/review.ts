import { readFileSync } from "node:fs";
import { Command, Option } from "commander";
import { UsageError } from "../errors.ts";
import { accessText, type Campaign, type Item, isDone } from "../governance/review.ts";
import { parseShortId } from "../incident/id.ts";
import { accountsCsv, entitlementsCsv, parseDecisionsCsv } from "../report/review-feeds.ts";
import { getCampaign, listCampaigns, listItems } from "../store/reviews.ts";
import { askOwner, databaseLocation, openState, runningServer } from "./state.ts";

const dataOption = [
  "--data <dir>",
  "directory of the embedded database (default: DATABASE_URL, REKEY_DATA, $XDG_STATE_HOME/rekey/db)",
] as const;
const formatOption = () => new Option("--format <format>", "output").choices(["text", "json"]).default("text");
interface Common {
  readonly data?: string;
  readonly format: "text" | "json";
}

/** `rekey review`: who still needs which access. */
export function command(): Command {
  const review = new Command().description("Access reviews: freeze what identities may reach, decide, end what was denied, prove it gone");
  review
    .command("create")
    .description("Begin a campaign: one item for each access of each known identity, frozen with its evidence")
    .argument("<name>", "what it is called, such as 'Agents, first quarter'")
    .requiredOption("--due <date>", "YYYY-MM-DD")
    .option("--owner <owner>", "only identities of this owner, such as @acme/agents")
    .option("--kind <kind>", "only this kind, such as agent or mcp-server")
    .option("--repository <owner/name>", "only identities of this repository")
    .option("--issue <owner/name>", "open an issue with the items in this private repository")
    .option(...dataOption)
    .addOption(formatOption())
    .action(create);
  review
    .command("list")
    .description("All campaigns, newest first")
    .option(...dataOption)
    .addOption(formatOption())
    .action(list);
  review
    .command("show")
    .description("The items of a campaign, what was decided and what came of it")
    .argument("<campaign>", "RV-…")
    .option(...dataOption)
    .addOption(formatOption())
    .action(show);
  review
    .command("decide")
    .description(
      "Record a reviewer's decision. It counts as theirs: only an owner of the identity or the security team may. Exit code 1: refused.",
    )
    .argument("<item>", "RI-…")
    .addOption(new Option("--keep", "the access stays").conflicts("deny"))
    .addOption(new Option("--deny", "the access ends: its credential is revoked and proven dead"))
    .requiredOption("--by <reviewer>", "GitHub login, or the owner as it is written, such as an e-mail address")
    .requiredOption("--reason <text>", "why, kept in the log")
    .option("--snapshot <hash>", "refuse if the item has another snapshot by now")
    .option(...dataOption)
    .action(decide);
  review
    .command("export")
    .description("A campaign as CSV for an identity-governance system")
    .argument("<campaign>", "RV-…")
    .addOption(new Option("--feed <feed>", "which").choices(["accounts", "entitlements"]).default("entitlements"))
    .option(...dataOption)
    .action(exportFeed);
  review
    .command("import")
    .description("Decisions out of the entitlement feed, filled in by another system. Exit code 1: some were refused.")
    .argument("<file>", "CSV with item_id, snapshot_hash, decision, reviewer, reason; - for stdin")
    .option(...dataOption)
    .addOption(formatOption())
    .action(importFile);
  return review;
}

async function create(
  name: string,
  {
    due,
    data,
    format,
    issue,
    owner,
    kind,
    repository,
  }: Common & { due: string; issue?: string; owner?: string; kind?: string; repository?: string },
): Promise<void> {
  const dueAt = /^\d{4}-\d{2}-\d{2}$/.test(due) ? new Date(`${due}T23:59:59.000Z`) : new Date(Number.NaN);
  if (Number.isNaN(dueAt.getTime()) || dueAt.getTime() < Date.now())
    throw new UsageError(`--due: expected a day in the future as YYYY-MM-DD, got '${due.slice(0, 40)}'`);
  const socket = await runningServer(data, "an access review is begun");
  const body = { name, dueAt: dueAt.toISOString(), owner, kind, repository, issueIn: issue };
  const answer = (await askOwner(socket, "/operator/reviews", body, 300_000)) as { campaign: Campaign; items: number };
  process.stdout.write(
    format === "json"
      ? `${JSON.stringify({ version: 1, ...answer }, null, 2)}\n`
      : `${answer.campaign.id}: ${answer.items} items; rekey review show ${answer.campaign.id} lists them\n`,
  );
}

async function list({ data, format }: Common): Promise<void> {
  const campaigns = await reviews(data);
  if (format === "json") process.stdout.write(`${JSON.stringify({ version: 1, campaigns }, null, 2)}\n`);
  else if (campaigns.length === 0) process.stdout.write("no access review yet; rekey review create begins one\n");
  else
    for (const { id, name, dueAt, done, items } of campaigns)
      process.stdout.write(`${id}  until ${dueAt.slice(0, 10)}  ${done} of ${items} done  ${name}\n`);
}

async function show(given: string, { data, format }: Common): Promise<void> {
  const { campaign, items } = await reviewOf(given, data);
  if (format === "json") process.stdout.write(`${JSON.stringify({ version: 1, campaign, items }, null, 2)}\n`);
  else process.stdout.write(`${campaign.id}: ${campaign.name}, until ${campaign.dueAt.slice(0, 10)}\n${items.map(itemText).join("")}`);
}

function itemText({ id, state, hash, snapshot, applied, decisions }: Item): string {
  const { identity, access, lifetime, permissions, lastUsed, authors, evidence } = snapshot;
  const last = decisions.at(-1);
  const lines = [
    `\n${id}  ${state}  ${identity.kind} ${identity.name}: ${accessText(access)}`,
    `  owner ${identity.owner ?? "nobody"}, ${lifetime}, last used ${lastUsed ?? "unknown"}, made by ${authors?.join(", ") ?? "unknown"}, snapshot ${hash}`,
    ...(permissions.length === 0 ? [] : [`  reaches ${permissions.join(", ")}`]),
    ...evidence.slice(0, 3).map((text) => `  ${text}`),
    ...(last === undefined ? [] : [`  ${last.verdict} by ${last.by}: ${last.reason}`]),
    ...(state === "denied" && applied !== undefined ? [`  ${applied.sentence}`] : []),
  ];
  return `${lines.map((line) => line.replaceAll(/[\p{Cc}\p{Cf}]/gu, (sign) => (sign === "\n" ? sign : " "))).join("\n")}\n`;
}

async function decide(
  given: string,
  { keep, deny, by, reason, snapshot, data }: { keep?: true; deny?: true; by: string; reason: string; snapshot?: string; data?: string },
): Promise<void> {
  if (keep === undefined && deny === undefined) throw new UsageError("say --keep or --deny");
  const decision = { item: given, verdict: deny === undefined ? "keep" : "deny", by, reason, hash: snapshot };
  await send([decision], "operator", data, "text");
}

async function exportFeed(given: string, { feed, data }: { feed: string; data?: string }): Promise<void> {
  const { items } = await reviewOf(given, data);
  process.stdout.write(feed === "accounts" ? accountsCsv(items) : entitlementsCsv(items));
}

async function importFile(file: string, { data, format }: Common): Promise<void> {
  let text: string;
  try {
    text = readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (cause) {
    throw new UsageError(`${file} cannot be read`, { cause });
  }
  const decisions = parseDecisionsCsv(text);
  if (decisions.length === 0) throw new UsageError("no line of the file has a decision");
  await send(decisions, "import", data, format);
}

async function send(decisions: readonly object[], via: string, data: string | undefined, format: string): Promise<void> {
  const socket = await runningServer(data, "a decision is carried out");
  const { results } = (await askOwner(socket, "/operator/reviews/decisions", { decisions, via }, 600_000)) as {
    results: { item: string; ok: boolean; text: string }[];
  };
  if (format === "json") process.stdout.write(`${JSON.stringify({ version: 1, results }, null, 2)}\n`);
  else for (const { ok, text, item } of results) process.stdout.write(`${ok ? "" : `${item} refused: `}${text}\n`);
  process.exitCode = results.every(({ ok }) => ok) ? 0 : 1;
}

type Listed = Campaign & { readonly items: number; readonly done: number };

async function reviews(data: string | undefined): Promise<Listed[]> {
  const state = await openState(databaseLocation(data));
  if (state.kind === "owner") return ((await askOwner(state.socket, "/api/v1/reviews")) as { campaigns: Listed[] }).campaigns;
  try {
    const { db } = state.database;
    const items = await listItems(db);
    return (await listCampaigns(db)).map((campaign) => {
      const own = items.filter((item) => item.campaign === campaign.id);
      return { ...campaign, items: own.length, done: own.filter((item) => isDone(item.state)).length };
    });
  } finally {
    await state.database.close();
  }
}

async function reviewOf(given: string, data: string | undefined): Promise<{ campaign: Campaign; items: readonly Item[] }> {
  const id = parseShortId("RV", given);
  if (id === undefined)
    throw new UsageError(`expected a campaign such as RV-7F3KX, got '${given.slice(0, 40)}'; rekey review list shows them`);
  const state = await openState(databaseLocation(data));
  if (state.kind === "owner") return (await askOwner(state.socket, `/api/v1/reviews/${id}`)) as { campaign: Campaign; items: Item[] };
  try {
    const campaign = await getCampaign(state.database.db, id);
    if (campaign === undefined) throw new UsageError(`there is no campaign ${id}; rekey review list shows them`);
    return { campaign, items: await listItems(state.database.db, { campaign: id }) };
  } finally {
    await state.database.close();
  }
}
