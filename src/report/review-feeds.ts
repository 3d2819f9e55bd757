import { UsageError } from "../errors.ts";
import { accessText, type Item } from "../governance/review.ts";
import { type Cell, csv, parseCsv } from "./csv.ts";

/** One line for each identity of a campaign: the account feed of an identity-governance system. */
export function accountsCsv(items: readonly Item[]): string {
  const accounts = new Map(items.map(({ snapshot }) => [snapshot.identity.id, snapshot]));
  return csv(
    ["account_id", "account_name", "account_type", "owner", "repository", "entitlements"],
    [...accounts.values()].map(({ identity, repository }) => [
      identity.id,
      identity.name,
      identity.kind,
      identity.owner,
      repository,
      items.filter(({ snapshot }) => snapshot.identity.id === identity.id).length,
    ]),
  );
}

const columns: readonly (readonly [name: string, value: (item: Item) => Cell])[] = [
  ["item_id", ({ id }) => id],
  ["snapshot_hash", ({ hash }) => hash],
  ["campaign_id", ({ campaign }) => campaign],
  ["account_id", ({ snapshot }) => snapshot.identity.id],
  ["entitlement_type", ({ snapshot }) => snapshot.access.kind],
  ["entitlement", ({ snapshot }) => accessText(snapshot.access)],
  ["permissions", ({ snapshot }) => snapshot.permissions.join("; ")],
  ["lifetime", ({ snapshot }) => snapshot.lifetime],
  ["last_used", ({ snapshot }) => snapshot.lastUsed],
  ["owner", ({ snapshot }) => snapshot.identity.owner],
  ["evidence", ({ snapshot }) => snapshot.evidence.join(" ")],
  ["state", ({ state }) => state],
  ["decision", ({ decisions }) => decisions.at(-1)?.verdict],
  ["reviewer", ({ decisions }) => decisions.at(-1)?.by],
  ["reason", ({ decisions }) => decisions.at(-1)?.reason],
  ["decided_at", ({ decisions }) => decisions.at(-1)?.at],
  ["verified_at", ({ verifiedAt }) => verifiedAt],
];

/** One line for each item: the entitlement feed. A system fills in `decision`, `reviewer` and `reason` and gives it back. */
export function entitlementsCsv(items: readonly Item[]): string {
  return csv(
    columns.map(([name]) => name),
    items.map((item) => columns.map(([, value]) => value(item))),
  );
}

export interface ImportedDecision {
  readonly item: string;
  readonly hash: string;
  readonly verdict: "keep" | "deny";
  readonly by: string;
  readonly reason: string;
}

const needed = ["item_id", "snapshot_hash", "decision", "reviewer", "reason"] as const;

/** Words that systems use for the two answers. */
const verdicts: Readonly<Record<string, ImportedDecision["verdict"]>> = {
  keep: "keep",
  approve: "keep",
  approved: "keep",
  certify: "keep",
  deny: "deny",
  denied: "deny",
  revoke: "deny",
  revoked: "deny",
};

/**
 * The decisions in a CSV; lines without one are left out. Other columns may stand there. Throws UsageError with the line of what cannot
 * be read: nothing of a broken file is decided.
 */
export function parseDecisionsCsv(text: string): ImportedDecision[] {
  const rows = parseCsv(text);
  if (rows === undefined) throw new UsageError("this is no CSV (RFC 4180): a quoted cell never ends, or text stands behind one");
  const [header = [], ...lines] = rows;
  const names = header.map((name) => name.trim().toLowerCase());
  const missing = needed.filter((name) => !names.includes(name));
  if (missing.length > 0) throw new UsageError(`line 1: expected the columns ${needed.join(", ")}; missing: ${missing.join(", ")}`);
  return lines.flatMap((cells, index) => {
    const cell = (name: (typeof needed)[number]) => (cells[names.indexOf(name)] ?? "").trim();
    const given = cell("decision").toLowerCase();
    if (given === "") return [];
    const verdict = Object.hasOwn(verdicts, given) ? verdicts[given] : undefined;
    const line = index + 2;
    if (verdict === undefined) throw new UsageError(`line ${line}: decision: expected keep or deny, got '${given.slice(0, 40)}'`);
    for (const name of needed) if (cell(name) === "") throw new UsageError(`line ${line}: ${name} is empty`);
    return [{ item: cell("item_id"), hash: cell("snapshot_hash"), verdict, by: cell("reviewer"), reason: cell("reason").slice(0, 500) }];
  });
}
