import type { DriverContext, Sink } from "../driver.ts";
import { fingerprintableBits } from "../finding.ts";
import { describeError } from "../log.ts";
import { estimatedBits } from "../scan/entropy.ts";
import { scan } from "../scan/scan.ts";
import { fingerprint, type Secret, scopeSalt } from "../secret.ts";
import {
  failStoreReading,
  finishStoreReading,
  keepStoreRows,
  openStoreReading,
  type StoreKey,
  type StoreRow,
  storeReading,
} from "../store/store-inventory.ts";
import { contextOf, githubHost, type Rekey } from "./context.ts";

/** Between two readings of one connection. */
export const readingEvery = 24 * 3_600_000;

/** Rows are kept each time that so many entries were read: what a crash can lose. */
const batch = 200;

/** Connections whose entries can be listed. */
export function inventoriedConnections(rekey: Rekey): { connection: string; sink: Sink }[] {
  return Object.entries(rekey.config.connections).flatMap(([connection, { type, inventory }]) => {
    const sink = inventory === "off" ? undefined : rekey.sinkFor(type);
    return sink === undefined ? [] : [{ connection, sink }];
  });
}

export function storeKey(rekey: Rekey, connection: string): StoreKey {
  return { tenant: githubHost(rekey), connection };
}

/** Reads each connection whose last reading is a day old. */
export async function readDueStores(rekey: Rekey): Promise<void> {
  for (const { connection } of inventoriedConnections(rekey)) {
    const last = await storeReading(rekey.database.db, storeKey(rekey, connection));
    if (last?.finishedAt !== undefined && Date.now() - last.finishedAt.getTime() < readingEvery) continue;
    await readStore(rekey, connection);
  }
}

/**
 * Reads every entry that a connection may list, at its rate, and keeps only keyed fingerprints, paths, versions and tags: values are gone
 * with their iteration step. Goes on where a reading was cut off. `most` entries, then it leaves off; false where it did not come to the
 * end. A connection that cannot be read keeps what was known of it.
 */
export async function readStore(rekey: Rekey, connection: string, most = Number.POSITIVE_INFINITY): Promise<boolean> {
  const { db } = rekey.database;
  const key = storeKey(rekey, connection);
  const config = rekey.config.connections[connection];
  const sink = config === undefined ? undefined : rekey.sinkFor(config.type);
  if (config === undefined || sink === undefined || rekey.fingerprintKeys.length === 0) return false;
  const { startedAt, paths } = await openStoreReading(db, key);
  const pace = pacer(config.inventory_rate);
  const reader = { rows: [] as StoreRow[], paths: new Set<string>() };
  const flush = async () => {
    await keepStoreRows(db, key, [...reader.paths], reader.rows);
    reader.rows = [];
    reader.paths.clear();
  };
  let read = 0;
  try {
    for await (const { path, field, version, secret, tags } of sink.entries(readerOf(rekey, connection), (known) => paths.has(known))) {
      if (!reader.paths.has(path)) {
        if (read >= most) {
          await flush();
          return false;
        }
        if (reader.paths.size >= batch) await flush();
        reader.paths.add(path);
        read++;
        await pace();
      }
      reader.rows.push(...rowsOf(rekey, secret, { path, field: field ?? "", version, tags }));
      secret.wipe();
    }
    await flush();
    await finishStoreReading(db, key, startedAt);
    rekey.log.info({ connection, read }, "a secret manager was read for the inventory");
    return true;
  } catch (error) {
    await flush();
    await failStoreReading(db, key, "unreadable");
    rekey.log.warn(
      { connection, error: describeError(error) },
      "a secret manager could not be read to its end; the inventory keeps what it had, and goes on with the next reading",
    );
    return false;
  }
}

/** One entry anew, such as after a rotation wrote it. */
export async function readStoreEntry(rekey: Rekey, connection: string, path: string): Promise<readonly StoreRow[]> {
  const config = rekey.config.connections[connection];
  const sink = config === undefined ? undefined : rekey.sinkFor(config.type);
  if (sink === undefined || rekey.fingerprintKeys.length === 0) return [];
  const found = await sink.read(readerOf(rekey, connection), { path });
  const rows = Object.entries(found?.fields ?? {}).flatMap(([field, secret]) => {
    const own = rowsOf(rekey, secret, { path, field, version: found?.version ?? "", tags: {} });
    secret.wipe();
    return own;
  });
  await keepStoreRows(rekey.database.db, storeKey(rekey, connection), [path], rows);
  return rows;
}

/** The connection, as the role that may only read where there is one. */
function readerOf(rekey: Rekey, connection: string): DriverContext {
  const { inventory_credential: reference, inventory_auth: login } = rekey.config.connections[connection] ?? {};
  const { login: _, ...own } = contextOf(rekey, connection);
  if (reference === undefined) return contextOf(rekey, connection);
  return { ...own, credential: rekey.credential(reference), ...(login === undefined ? {} : { login }) };
}

/** The value as a whole, and each credential in it; nothing of those that could be guessed. */
function rowsOf(rekey: Rekey, secret: Secret, place: Pick<StoreRow, "path" | "field" | "version" | "tags">): StoreRow[] {
  const keyring = { tenant: rekey.fingerprintKeys, salts: [scopeSalt("store")] };
  const text = secret.reveal().trim();
  if (text === "" || text.length > longest) return [];
  const rows = new Map<string, StoreRow>();
  const add = (row: StoreRow) => row.bits >= fingerprintableBits && !rows.has(row.fingerprint) && rows.set(row.fingerprint, row);
  for (const finding of scan({ bytes: Buffer.from(text), origin: { kind: "file", path: place.field } }, rekey.ruleset, keyring))
    add({ ...place, fingerprint: finding.fingerprint, bits: finding.bits, subject: finding.subject });
  add({ ...place, fingerprint: fingerprint(secret, keyring), bits: estimatedBits(text) });
  return [...rows.values()];
}

/** Characters; no credential that a detector knows is longer. */
const longest = 1 << 16;

/** Waits so that no more than `rate` entries a second are read. */
function pacer(rate: number): () => Promise<void> {
  let due = Date.now();
  return async () => {
    due = Math.max(due, Date.now() - 1000) + 1000 / rate;
    const wait = due - Date.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
  };
}
