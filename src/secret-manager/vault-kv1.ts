import { connectVault, type VaultAnswer, type VaultClient } from "../connection/vault.ts";
import { checkVaultRights } from "../connection/vault-rights.ts";
import type { DriverContext, Sink, SinkPlace } from "../driver.ts";
import { HoldError } from "../errors.ts";
import { revealed, secretsOf } from "./fields.ts";

/**
 * Vault and OpenBao KV v1: one value an entry, no versions, no check-and-set. What stands there can be read, so that a run at least looks
 * before it writes and afterwards; between the two somebody else's write would be lost, which the approval says. Every version is `1`.
 */
export const vaultKv1: Sink = {
  manifest: {
    name: "vault-kv1",
    pending: false,
    cas: false,
    readBack: true,
    undo: false,
    rights: ["<mount>/*: create, read, update, list"],
    inventoryRights: ["<mount>/*: list, read"],
    testedAgainst: "real server",
  },

  check: checkVaultRights,

  async read(context, place, version) {
    const data = await readEntry(connect(context), place);
    return data === undefined || (version !== undefined && version !== onlyVersion)
      ? undefined
      : { version: onlyVersion, fields: secretsOf(data) };
  },

  async pend() {
    throw new HoldError("no-pending", "KV v1 has no place in which a value could wait");
  },
  async readPending() {
    return undefined;
  },
  async drop() {},

  async promote(context, place, _run, _from, fields = {}) {
    const client = connect(context);
    const before = await readEntry(client, place);
    const wanted = { ...before, ...revealed(fields) };
    check(await client.write(pathOf(place), wanted), "writing an entry");
    const after = await readEntry(client, place);
    if (JSON.stringify(sorted(after)) === JSON.stringify(sorted(wanted))) return { version: onlyVersion };
    throw new HoldError(
      "sink-conflict",
      `${place.path}: the entry does not read back as it was written; somebody else wrote it at the same time`,
    );
  },

  async restore(_context, place) {
    throw new HoldError("undo-by-hand", `${place.path}: KV v1 keeps no version before; write the old value by hand`);
  },

  async *entries(context, skip = () => false) {
    const client = connect(context);
    for (const mount of context.mounts ?? []) yield* walk(client, `${mount}/`, skip);
  },
};

const onlyVersion = "1";

type Data = Readonly<Record<string, unknown>>;

function connect(context: DriverContext): VaultClient {
  return connectVault({ ...context, token: context.credential });
}

function pathOf({ path }: SinkPlace): string {
  if (/^[^/]+(\/[^/]+)+$/.test(path)) return path;
  throw new HoldError("bad-place", `'${path}' names no Vault entry; expected mount and path, such as kv/agents/triage`);
}

async function readEntry(client: VaultClient, place: SinkPlace): Promise<Data | undefined> {
  const answer = await client.read(pathOf(place));
  if (answer.code === "absent") return undefined;
  check(answer, "reading an entry");
  return record(record(answer.body)["data"]);
}

async function* walk(client: VaultClient, folder: string, skip: (path: string) => boolean): ReturnType<Sink["entries"]> {
  const answer = await client.list(folder.slice(0, -1));
  if (answer.code === "absent" || answer.code === "permission-denied") return;
  check(answer, "listing entries");
  const keys = record(record(answer.body)["data"])["keys"];
  for (const key of Array.isArray(keys) ? keys.filter((one) => typeof one === "string") : []) {
    if (key.endsWith("/")) yield* walk(client, `${folder}${key}`, skip);
    else if (!skip(`${folder}${key}`)) yield* fieldsOf(client, `${folder}${key}`);
  }
}

async function* fieldsOf(client: VaultClient, path: string): ReturnType<Sink["entries"]> {
  const answer = await client.read(path);
  if (answer.code === "permission-denied" || answer.code === "absent") return;
  check(answer, "reading an entry");
  for (const [field, secret] of Object.entries(secretsOf(record(record(answer.body)["data"])))) {
    try {
      yield { path, field, version: onlyVersion, secret, tags: {} };
    } finally {
      secret.wipe();
    }
  }
}

function check(answer: VaultAnswer, what: string): void {
  if (answer.code === "ok") return;
  const code = answer.code === "dead-token" || answer.code === "permission-denied" ? "connection-refused" : "unexpected-answer";
  throw new HoldError(code, `${what}: Vault answered ${answer.status} (${answer.code}); check this connection's token, policy and mount`);
}

function sorted(data: Data | undefined): unknown {
  return Object.entries(data ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function record(value: unknown): Data {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
