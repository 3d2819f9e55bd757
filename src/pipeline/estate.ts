import { readFileSync } from "node:fs";
import { sql } from "kysely";
import { ConfigError } from "../errors.ts";
import { peopleOf } from "../github/team.ts";
import { type ControlsFile, parseControls } from "../governance/controls.ts";
import type { Coverage, CoveredIdentity } from "../governance/coverage.ts";
import { clientOf } from "./code.ts";
import type { Rekey } from "./context.ts";
import { coverageNow } from "./coverage.ts";
import { type KnownIdentity, knownIdentities } from "./known-identities.ts";

/** How old what the pages show of all identities may be, milliseconds: reading every inventory takes longer than a page may. */
const keptFor = 60_000;
/** Teams change rarely, and each costs a request. */
const teamsKeptFor = 600_000;

/** What is governed as a whole: every identity, who owns which control, what is covered; for pages and their API. */
export interface Estate {
  identities(): Promise<readonly KnownIdentity[]>;
  coverage(visible: (identity: CoveredIdentity) => boolean): Promise<Coverage>;
  readonly controls: ControlsFile | undefined;
  /** The logins behind each owner; one that cannot be asked has none. */
  people(owners: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>>;
  /** How many events stand in the log. */
  events(): Promise<number>;
}

/** Throws ConfigError where the file of `governance.controls` cannot be read or is not valid. */
export function estateOf(rekey: Rekey): Estate {
  const all = kept(keptFor, () => knownIdentities(rekey));
  const teams = new Map<string, () => Promise<readonly string[]>>();
  const ask = async (owner: string) => peopleOf(await anyClient(rekey), [owner]).catch(() => []);
  return {
    identities: all,
    coverage: async (visible) => coverageNow(rekey, visible, await all()),
    async events() {
      const { rows } = await sql<{ count: number }>`select count(*)::integer as count from event`.execute(rekey.database.db);
      return rows[0]?.count ?? 0;
    },
    controls: controlsOf(rekey.config.governance.controls),
    async people(owners) {
      const entries = [...new Set(owners)].slice(0, 200).map(async (owner) => {
        const read = teams.get(owner) ?? kept(teamsKeptFor, () => ask(owner));
        teams.set(owner, read);
        return [owner, await read()] as const;
      });
      return new Map(await Promise.all(entries));
    },
  };
}

function controlsOf(path: string | undefined): ControlsFile | undefined {
  if (path === undefined) return undefined;
  try {
    return parseControls(readFileSync(path, "utf8"), path);
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    throw new ConfigError("the file of governance.controls cannot be read", { file: path, cause });
  }
}

/** Read again once it is older than this; who asks meanwhile gets what there is, and a failure is not kept. */
function kept<T>(milliseconds: number, read: () => Promise<T>): () => Promise<T> {
  let value: Promise<T> | undefined;
  let at = 0;
  return () => {
    if (value !== undefined && Date.now() - at < milliseconds) return value;
    at = Date.now();
    const before = value;
    const next = read();
    value = next;
    next.catch(() => {
      if (value === next) value = before;
    });
    return next;
  };
}

/** Of any installation: teams belong to the organisation. */
async function anyClient(rekey: Rekey) {
  const row = await rekey.database.db.selectFrom("repository").select(["id", "installation_id", "full_name"]).limit(1).executeTakeFirst();
  if (row === undefined || rekey.app === undefined) return undefined;
  return clientOf(rekey, { installation: row.installation_id, id: row.id, fullName: row.full_name });
}
