import type { Sink, SinkPlace } from "../driver.ts";
import { HoldError } from "../errors.ts";
import { Secret } from "../secret.ts";
import { revealed, secretsOf } from "./fields.ts";

type Fields = Readonly<Record<string, string>>;

/** A secret manager in memory, for tests: what the contract says, with nothing behind it. */
export interface MemorySink extends Sink {
  /** Somebody else writes the whole entry. Returns the new version. */
  set(path: string, fields: Fields): string;
}

export function createMemorySink(): MemorySink {
  const entries = new Map<string, (Fields | undefined)[]>();
  const pending = new Map<string, Fields>();
  const quarantined = new Map<string, string>();

  const versions = (path: string) => entries.get(path) ?? [];
  const currentVersion = (path: string) => String(versions(path).length);
  const set = (path: string, fields: Fields | undefined) => {
    entries.set(path, [...versions(path), fields]);
    return currentVersion(path);
  };
  const expect = (place: SinkPlace, from: string) => {
    if (currentVersion(place.path) === from) return;
    throw new HoldError(
      "sink-conflict",
      `${place.path}: expected version ${from} to be current, found ${currentVersion(place.path)}: somebody else wrote it`,
    );
  };

  return {
    manifest: { name: "memory", pending: true, cas: true, readBack: true, undo: true, testedAgainst: "contract stand-in" },
    set,

    async read(_context, place, version = currentVersion(place.path)) {
      const fields = versions(place.path)[Number(version) - 1];
      return fields === undefined ? undefined : { version, fields: secretsOf(fields) };
    },

    async pend(_context, place, run, fields) {
      const wanted = revealed(fields);
      const present = pending.get(keyOf(place, run));
      if (present !== undefined && !same(present, wanted)) {
        throw new HoldError("sink-conflict", `${place.path}: the pending entry of this run holds other values`);
      }
      pending.set(keyOf(place, run), wanted);
      return { version: "1" };
    },

    async readPending(_context, place, run) {
      const fields = pending.get(keyOf(place, run));
      return fields === undefined ? undefined : secretsOf(fields);
    },

    async promote(_context, place, run, from) {
      const fields = pending.get(keyOf(place, run));
      if (fields === undefined) throw new HoldError("sink-pending-missing", `${place.path}: nothing is pending for run ${run}`);
      const current = versions(place.path).at(-1) ?? {};
      if (Object.entries(fields).every(([name, value]) => current[name] === value)) return { version: currentVersion(place.path) };
      expect(place, from);
      return { version: set(place.path, { ...current, ...fields }) };
    },

    async restore(_context, place, _run, { from, to }) {
      const old = versions(place.path)[Number(to) - 1];
      if (old === undefined && to !== "0") throw new HoldError("sink-version-gone", `${place.path}: version ${to} is gone`);
      const current = versions(place.path).at(-1);
      if (currentVersion(place.path) === String(Number(from) + 1) && same(current ?? {}, old ?? {}))
        return { version: currentVersion(place.path) };
      expect(place, from);
      return { version: set(place.path, old) };
    },

    async drop(_context, place, run) {
      pending.delete(keyOf(place, run));
    },

    scratch: {
      async create() {},
      async remove(_context, path) {
        entries.delete(path);
      },
    },

    quarantine: {
      async keep(_context, name, secret) {
        quarantined.set(name, secret.reveal());
      },
      async read(_context, name) {
        const value = quarantined.get(name);
        return value === undefined ? undefined : Secret.from(value);
      },
      async destroy(_context, name) {
        quarantined.delete(name);
      },
    },

    async *entries() {
      for (const [path, all] of entries) {
        for (const [field, secret] of Object.entries(secretsOf(all.at(-1) ?? {}))) {
          yield { path, field, version: String(all.length), secret, tags: {} };
        }
      }
    },
  };
}

function keyOf(place: SinkPlace, run: string): string {
  return `${run}\0${place.path}\0${place.field ?? ""}`;
}

function same(a: Fields, b: Fields): boolean {
  return Object.keys(a).length === Object.keys(b).length && Object.entries(a).every(([name, value]) => b[name] === value);
}
