import { connectionType, sinkConnection } from "../driver.ts";
import { type Coverage, type CoveredIdentity, coverageOf, type Source } from "../governance/coverage.ts";
import { toldBy } from "../store/runtime-seen.ts";
import { storeReading } from "../store/store-inventory.ts";
import { githubHost, type Rekey } from "./context.ts";
import { type KnownIdentity, knownIdentities } from "./known-identities.ts";

const day = 86_400_000;
/** What reported nothing for so long is taken as not connected. */
const heard = 30 * day;

/** Which identities each connected source covers, and which nobody does. `visible` cuts it to what somebody may see. */
export async function coverageNow(
  rekey: Rekey,
  visible: (identity: CoveredIdentity) => boolean = () => true,
  known?: readonly KnownIdentity[],
): Promise<Coverage> {
  const identities = known ?? (await knownIdentities(rekey));
  const byId = new Map(identities.map((one) => [one.id, one]));
  const accessOf = (id: string) => byId.get(id)?.access ?? [];
  const sources = [
    ...(await appSources(rekey)),
    ...(await connectionSources(rekey, accessOf)),
    ...(await runtimeSources(rekey)),
    ...(await consumerSources(rekey, accessOf)),
  ];
  return coverageOf(identities.filter(visible), sources);
}

type AccessOf = (id: string) => KnownIdentity["access"];

async function appSources(rekey: Rekey): Promise<Source[]> {
  if (rekey.config.github === undefined) return [];
  const rows = await rekey.database.db
    .selectFrom("repository")
    .innerJoin("installation", (join) =>
      join.onRef("installation.host", "=", "repository.host").onRef("installation.id", "=", "repository.installation_id"),
    )
    .select(["installation.account", "installation.suspended", "repository.full_name"])
    .where("repository.host", "=", githubHost(rekey))
    .execute();
  const byAccount = Map.groupBy(rows, ({ account }) => account);
  if (byAccount.size === 0)
    return [{ name: "GitHub App", type: "github-app", kinds: codeKinds, covers: () => false, needs: "it is installed nowhere" }];
  return [...byAccount].map(([account, own]): Source => {
    const names = new Set(own.map(({ full_name }) => full_name));
    return {
      name: `GitHub App on ${account}`,
      type: "github-app",
      kinds: codeKinds,
      covers: ({ repository }) => repository !== undefined && names.has(repository),
      ...(own.every(({ suspended }) => suspended) ? { needs: "its installation is suspended" } : {}),
    };
  });
}

const codeKinds = ["leak-in-code", "leak-in-conversation"] as const;

/** A secret manager tells of whoever has an entry in it; a vendor's account of whoever leaked a key of that vendor. */
async function connectionSources(rekey: Rekey, accessOf: AccessOf): Promise<Source[]> {
  const found: Source[] = [];
  for (const [name, connection] of Object.entries(rekey.config.connections)) {
    const sink = rekey.sinkFor(connection.type);
    if (sink !== undefined && sinkConnection(sink.manifest) === connection.type) {
      const reading = await storeReading(rekey.database.db, { tenant: githubHost(rekey), connection: name });
      const needs =
        connection.inventory === "off"
          ? "its inventory is off (inventory: on)"
          : reading?.lastFinishedAt === undefined
            ? "it has not been read to the end yet"
            : undefined;
      found.push({
        name,
        type: "secret-manager",
        kinds: ["stored-copy"],
        covers: ({ id }) => accessOf(id).some((access) => access.kind === "stored" && access.connection === name),
        ...(needs === undefined ? {} : { needs }),
      });
    }
    const served = rekey.drivers.filter(({ manifest }) => connectionType(manifest) === connection.type);
    if (served.length === 0) continue;
    const detectors = new Set(served.flatMap(({ manifest }) => manifest.detectors));
    found.push({
      name,
      type: "provider",
      kinds: served.some(({ list }) => list !== undefined) ? ["use", "end-of-life"] : ["end-of-life"],
      covers: ({ id }) => accessOf(id).some((access) => access.kind === "credential" && detectors.has(access.detector)),
      ...(connection.credential === undefined ? { needs: "a credential (connections in rekey.yml)" } : {}),
    });
  }
  return found;
}

/** A source tells of whoever it has seen at work within 30 days under the identity's name. */
async function runtimeSources(rekey: Rekey): Promise<Source[]> {
  const told = await toldBy(rekey.database.db, new Date(Date.now() - heard));
  return rekey.config.runtime.sources.map(({ name }): Source => {
    const own = told.get(name);
    const needs =
      own === undefined
        ? "it reported nothing in 30 days"
        : own.names.size === 0
          ? "it names no agent: set gen_ai.agent.name, or the alias of the gateway's key"
          : undefined;
    return {
      name,
      type: "runtime",
      kinds: own?.events === true ? ["leak-at-runtime", "runtime-event"] : ["leak-at-runtime"],
      covers: (identity) => own?.names.has(identity.name.toLowerCase()) === true,
      ...(needs === undefined ? {} : { needs }),
    };
  });
}

/** A consumer tells of whoever has an entry at a place that it reported a version of. */
async function consumerSources(rekey: Rekey, accessOf: AccessOf): Promise<Source[]> {
  const rows = await rekey.database.db.selectFrom("consumer_report").select(["name", "connection", "path"]).distinct().execute();
  const places = Map.groupBy(rows, ({ name }) => name);
  return rekey.config.consumers.map(({ name }): Source => {
    const own = new Set((places.get(name) ?? []).map(({ connection, path }) => `${connection}\0${path}`));
    return {
      name,
      type: "consumer",
      kinds: ["use"],
      covers: ({ id }) => accessOf(id).some((access) => access.kind === "stored" && own.has(`${access.connection}\0${access.path}`)),
      ...(own.size === 0 ? { needs: "it has reported no version yet" } : {}),
    };
  });
}
