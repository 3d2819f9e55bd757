import { createHash } from "node:crypto";
import { connectVault, type VaultAnswer, type VaultClient } from "../connection/vault.ts";
import { checkVaultRights } from "../connection/vault-rights.ts";
import type { DriverContext, Sink, SinkPlace } from "../driver.ts";
import { HoldError, UnknownOutcomeError } from "../errors.ts";
import { Secret } from "../secret.ts";
import { revealed, secretsOf } from "./fields.ts";

/**
 * Vault and OpenBao KV v2. A put is current at once, so the pending value has a path of its own,
 * `<mount>/rekey-pending/<run>/<place>`, and promoting is a put with check-and-set (contracts.md §8).
 */
export const vault: Sink = {
  manifest: {
    name: "vault",
    pending: true,
    cas: true,
    readBack: true,
    undo: true,
    staging: true,
    rights: [
      "<mount>/data/*: create, read, update",
      "<mount>/delete/*: update",
      "<mount>/metadata/*: list, read",
      "<mount>/metadata/rekey-pending/*: create, delete, update",
      "<mount>/metadata/rekey-quarantine/*: create, delete, update",
      "<mount>/metadata/rekey-rehearsal/*: delete",
    ],
    inventoryRights: ["<mount>/metadata/*: list", "<mount>/data/*: read"],
    testedAgainst: "real server",
  },

  check: checkVaultRights,

  async read(context, place, version) {
    const entry = await readEntry(connect(context), entryOf(place.path), version);
    return entry.data === undefined ? undefined : { version: entry.version, fields: secretsOf(entry.data) };
  },

  async pend(context, place, run, fields) {
    const client = connect(context);
    const pending = pendingOf(place, run);
    const present = await readEntry(client, pending);
    if (present.data !== undefined) return samePending(present, fields);

    // First the expiry, then the value: a crash between the two leaves an empty path, never a value for ever.
    check(
      await client.write(`${pending.mount}/metadata/${pending.path}`, { delete_version_after: pendingLifetime }),
      "setting the expiry of the pending entry",
    );
    const put = await client.write(`${pending.mount}/data/${pending.path}`, {
      options: { cas: 0 },
      data: revealed(fields),
    });
    if (put.code === "cas-mismatch") return samePending(await readEntry(client, pending), fields);
    check(put, "writing the pending entry");
    return { version: versionOf(put) };
  },

  async readPending(context, place, run) {
    const { data } = await readEntry(connect(context), pendingOf(place, run));
    return data === undefined ? undefined : secretsOf(data);
  },

  async promote(context, place, run, from) {
    const client = connect(context);
    const entry = entryOf(place.path);
    const { data: pending } = await readEntry(client, pendingOf(place, run));
    if (pending === undefined) {
      throw new HoldError("sink-pending-missing", `${place.path}: the pending entry of run ${run} is gone, so there is nothing to promote`);
    }
    const current = await readEntry(client, entry);
    if (current.data !== undefined && contains(current.data, pending)) return { version: current.version };
    if (current.version !== from) throw conflict(place, from, current.version);
    return put(client, entry, place, { ...current.data, ...pending }, from);
  },

  async restore(context, place, _run, { from, to }) {
    const client = connect(context);
    const entry = entryOf(place.path);
    const current = await readEntry(client, entry);
    if (to === "0") return removeFirst(client, entry, place, { from, current });
    const old = await readEntry(client, entry, to);
    if (old.data === undefined) {
      throw new HoldError("sink-version-gone", `${place.path}: version ${to} is deleted or destroyed, so it cannot be put back`);
    }
    if (current.version === String(Number(from) + 1) && current.data !== undefined && same(current.data, old.data)) {
      return { version: current.version };
    }
    if (current.version !== from) throw conflict(place, from, current.version);
    return put(client, entry, place, old.data, from);
  },

  async drop(context, place, run) {
    const pending = pendingOf(place, run);
    const answer = await connect(context).remove(`${pending.mount}/metadata/${pending.path}`);
    if (answer.code !== "absent") check(answer, "deleting the pending entry");
  },

  scratch: {
    async create() {},
    async remove(context, path) {
      const entry = entryOf(path);
      const answer = await connect(context).remove(`${entry.mount}/metadata/${entry.path}`);
      if (answer.code !== "absent") check(answer, "removing a rehearsal's entry");
    },
  },

  quarantine: {
    async keep(context, name, secret, ttl) {
      const client = connect(context);
      const entry = quarantineOf(context, name);
      const present = await readEntry(client, entry);
      if (present.data !== undefined && same(present.data, { value: secret.reveal() })) return;
      check(
        await client.write(`${entry.mount}/metadata/${entry.path}`, { delete_version_after: `${Math.ceil(ttl / 1000)}s`, max_versions: 1 }),
        "setting the expiry of a quarantined value",
      );
      check(await client.write(`${entry.mount}/data/${entry.path}`, { data: { value: secret.reveal() } }), "quarantining a value");
    },
    async read(context, name) {
      const { data } = await readEntry(connect(context), quarantineOf(context, name));
      return typeof data?.["value"] === "string" ? Secret.from(data["value"]) : undefined;
    },
    async destroy(context, name) {
      const entry = quarantineOf(context, name);
      const answer = await connect(context).remove(`${entry.mount}/metadata/${entry.path}`);
      if (answer.code !== "absent") check(answer, "destroying a quarantined value");
    },
  },

  async *entries(context, skip = () => false) {
    const client = connect(context);
    for (const mount of context.mounts ?? ["secret"]) yield* walk(client, mount, "", skip);
  },
};

/** A run that is held for longer than this loses its unpublished key, which the orphan sweep then deletes at the provider. */
const pendingLifetime = "168h";
/** Kept out of the inventory: our own copies of values are not places that store a credential. */
const ours = new Set(["rekey-pending/", "rekey-quarantine/", "rekey-rehearsal/"]);

interface EntryPath {
  readonly mount: string;
  readonly path: string;
}

/** `data` is absent where the version is deleted or never was; `version` is "0" where the entry never was. */
interface Entry {
  readonly version: string;
  readonly data: Readonly<Record<string, unknown>> | undefined;
  readonly tags: Readonly<Record<string, string>>;
}

function connect(context: DriverContext): VaultClient {
  return connectVault({ ...context, token: context.credential });
}

function entryOf(path: string): EntryPath {
  const [mount = "", ...rest] = path.split("/");
  if (mount === "" || rest.length === 0) {
    throw new HoldError("bad-place", `'${path}' names no Vault entry; expected mount and path, such as secret/agents/triage`);
  }
  return { mount, path: rest.join("/") };
}

function pendingOf(place: SinkPlace, run: string): EntryPath {
  const name = createHash("sha256")
    .update(`${place.path}#${place.field ?? ""}`)
    .digest("hex")
    .slice(0, 16);
  return { mount: entryOf(place.path).mount, path: `rekey-pending/${run}/${name}` };
}

/** In the first mount of the connection. */
function quarantineOf({ mounts = ["secret"] }: DriverContext, name: string): EntryPath {
  if (!/^[\w-]{1,60}$/.test(name)) throw new HoldError("bad-place", "a quarantined value is named by its incident");
  return { mount: mounts[0] ?? "secret", path: `rekey-quarantine/${name}` };
}

async function readEntry(client: VaultClient, { mount, path }: EntryPath, version?: string): Promise<Entry> {
  const answer = await client.read(`${mount}/data/${path}`, version === undefined ? undefined : { version });
  return parseEntry(answer);
}

function parseEntry(answer: VaultAnswer): Entry {
  if (answer.code !== "absent") check(answer, "reading an entry");
  const { data, metadata } = record(record(answer.body)["data"]);
  const { version: number, custom_metadata: tags } = record(metadata);
  return {
    version: typeof number === "number" ? String(number) : "0",
    data: typeof data === "object" && data !== null ? record(data) : undefined,
    tags: Object.fromEntries(Object.entries(record(tags)).filter((tag): tag is [string, string] => typeof tag[1] === "string")),
  };
}

async function put(
  client: VaultClient,
  { mount, path }: EntryPath,
  place: SinkPlace,
  data: Readonly<Record<string, unknown>>,
  from: string,
): Promise<{ version: string }> {
  const answer = await client.write(`${mount}/data/${path}`, { options: { cas: Number(from) }, data });
  if (answer.code === "cas-mismatch") throw conflict(place, from, "a newer one");
  check(answer, "writing the new version");
  const version = versionOf(answer);
  const written = await readEntry(client, { mount, path }, version);
  if (written.data === undefined || !same(written.data, data)) {
    throw new HoldError("sink-read-back", `${place.path}: version ${version} does not read back as it was written; look at the entry`);
  }
  return { version };
}

/** The entry did not exist before us: putting that state back is a soft delete of our first version. */
async function removeFirst(
  client: VaultClient,
  { mount, path }: EntryPath,
  place: SinkPlace,
  { from, current }: { from: string; current: Entry },
): Promise<{ version: string }> {
  if (current.data === undefined) return { version: "0" };
  if (current.version !== from) throw conflict(place, from, current.version);
  check(await client.write(`${mount}/delete/${path}`, { versions: [Number(from)] }), "deleting our version");
  return { version: "0" };
}

async function* walk(client: VaultClient, mount: string, folder: string, skip: (path: string) => boolean): ReturnType<Sink["entries"]> {
  const answer = await client.list(`${mount}/metadata${folder === "" ? "" : `/${folder.slice(0, -1)}`}`);
  if (answer.code === "absent" || (folder !== "" && answer.code === "permission-denied")) return; // empty, or not ours to read
  check(answer, `listing the entries of ${mount}`);
  const keys = record(record(answer.body)["data"])["keys"];
  for (const key of Array.isArray(keys) ? keys : []) {
    if (typeof key !== "string" || (folder === "" && ours.has(key))) continue;
    if (key.endsWith("/")) yield* walk(client, mount, folder + key, skip);
    else if (!skip(`${mount}/${folder}${key}`)) yield* fieldsOf(client, { mount, path: folder + key });
  }
}

async function* fieldsOf(client: VaultClient, entry: EntryPath): ReturnType<Sink["entries"]> {
  const answer = await client.read(`${entry.mount}/data/${entry.path}`);
  if (answer.code === "permission-denied") return; // not ours to read
  const { data, version, tags } = parseEntry(answer);
  for (const [field, secret] of Object.entries(secretsOf(data ?? {}))) {
    try {
      yield { path: `${entry.mount}/${entry.path}`, field, version, secret, tags };
    } finally {
      secret.wipe();
    }
  }
}

function samePending(present: Entry, fields: Readonly<Record<string, Secret>>): { version: string } {
  const wanted = revealed(fields);
  if (present.data !== undefined && same(present.data, wanted)) return { version: present.version };
  throw new HoldError("sink-conflict", "the pending entry of this run holds other values; drop it first if they are of no use");
}

function conflict(place: SinkPlace, from: string, found: string): HoldError {
  return new HoldError(
    "sink-conflict",
    `${place.path}: expected version ${from} to be current, found ${found}: somebody else wrote it, and their version stays`,
  );
}

function check(answer: VaultAnswer, what: string): void {
  if (answer.code === "ok") return;
  if (answer.code === "dead-token" || answer.code === "permission-denied") {
    throw new HoldError(
      "connection-refused",
      `${what}: Vault answered ${answer.status} (${answer.code}); check this connection's token and policy`,
    );
  }
  throw new HoldError("unexpected-answer", `${what}: Vault answered ${answer.status} (${answer.code})`);
}

function versionOf(put: VaultAnswer): string {
  const { version } = record(record(put.body)["data"]);
  if (typeof version === "number") return String(version);
  throw new UnknownOutcomeError("a Vault write was accepted without a version number; read the entry before anything else");
}

function contains(whole: Readonly<Record<string, unknown>>, part: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(part).every(([name, value]) => JSON.stringify(whole[name]) === JSON.stringify(value));
}

function same(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): boolean {
  return contains(a, b) && contains(b, a);
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
