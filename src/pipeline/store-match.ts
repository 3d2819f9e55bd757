import { credentialKey, type Finding, fingerprintableBits } from "../finding.ts";
import type { EventRepository } from "../github/handlers.ts";
import { atLeast, roleOf } from "../github/permission.ts";
import type { StoreMatch } from "../identity/graph.ts";
import { describeError } from "../log.ts";
import { questionsAllowed, storeReading, storeRowsWith } from "../store/store-inventory.ts";
import { clientOf } from "./code.ts";
import type { Rekey } from "./context.ts";
import { inventoriedConnections, readStore, readStoreEntry, storeKey } from "./store-inventory.ts";

/** Different values that one person can ask about in 24 hours: nobody leaks more, and who guesses needs more. */
const mostQuestions = 100;
/** How much of a secret manager that was never read to its end is read before a pull request waits no longer. */
const readAtOnce = 500;

/**
 * Places in the connected secret managers that hold a leaked value, by keyed fingerprint, from the stored inventory; each is read again
 * before it counts. Whoever asks must not learn from the answer that a guess is right (contracts.md §9): nothing is looked up for values
 * under 64 bits, for a pusher without write access to the repository whose default branch uses the identity, or past a number of values.
 */
export async function storeMatches(
  rekey: Rekey,
  repository: EventRepository,
  pusher: string,
  findings: readonly Finding[],
): Promise<StoreMatch[]> {
  const wanted = new Map(
    findings
      .filter(({ bits }) => bits >= fingerprintableBits)
      .flatMap((finding) => [finding.fingerprint, ...(finding.aliases ?? [])].map((print) => [print, finding] as const)),
  );
  const connections = inventoriedConnections(rekey);
  if (wanted.size === 0 || connections.length === 0) return [];
  if (!atLeast(await roleOf(await clientOf(rekey, repository), pusher), "write")) return [];
  const { db } = rekey.database;
  const asked = await questionsAllowed(db, pusher.toLowerCase(), [...wanted.keys()], mostQuestions);
  if (asked.size < wanted.size) rekey.log.warn({ pusher, values: wanted.size }, "somebody asks about more values than one person leaks");
  for (const { connection } of connections) {
    const reading = await storeReading(db, storeKey(rekey, connection));
    if (reading?.lastFinishedAt === undefined) await readStore(rekey, connection, readAtOnce);
  }
  const named = new Set(connections.map(({ connection }) => connection));
  const rows = (await storeRowsWith(db, storeKey(rekey, "").tenant, [...asked])).filter(({ connection }) => named.has(connection));
  const found: StoreMatch[] = [];
  for (const row of rows) {
    const finding = wanted.get(row.fingerprint);
    const now = finding === undefined ? undefined : await stillThere(rekey, row);
    if (finding === undefined || now === undefined) continue;
    const { connection, path, field, subject } = row;
    // the same value on another host is another credential: only its own subject, or none at all, names it
    const exact = credentialKey(finding) === credentialKey({ fingerprint: finding.fingerprint, subject });
    found.push({
      fingerprint: finding.fingerprint,
      connection,
      path,
      version: now,
      ...(field === "" ? {} : { field }),
      grade: exact ? "confirmed" : "moderate",
    });
  }
  return found;
}

/** The version that has the value now; undefined where the entry has changed since it was read. */
async function stillThere(
  rekey: Rekey,
  { connection, path, field, fingerprint }: Awaited<ReturnType<typeof storeRowsWith>>[number],
): Promise<string | undefined> {
  try {
    const rows = await readStoreEntry(rekey, connection, path);
    return rows.find((row) => row.field === field && row.fingerprint === fingerprint)?.version;
  } catch (error) {
    rekey.log.warn(
      { connection, error: describeError(error) },
      "an entry of a secret manager could not be read again; identities rest on other evidence",
    );
    return undefined;
  }
}
