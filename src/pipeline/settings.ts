import type { ServerConfig } from "../config/server.ts";
import { sinkConnection } from "../driver.ts";
import type { AppManifest } from "../github/manifest.ts";
import { describeError } from "../log.ts";
import { listApiTokens } from "../store/access.ts";
import { storeReading } from "../store/store-inventory.ts";
import { githubHost, type Rekey } from "./context.ts";
import { coverageNow } from "./coverage.ts";
import { type Check, checkApp, failed, ok, warning } from "./doctor.ts";

/** A part of the configuration as it is now. Holds no credential and no reference to one. */
export interface SettingsPart {
  readonly title: string;
  readonly checks: readonly Check[];
}

/** GitHub is asked this rarely, milliseconds, and waited for this long. */
const appKeptFor = 300_000;
const patience = 3000;

/** What is configured, what it needs, and what is off; for the settings page. */
export function settingsOf(rekey: Rekey, manifest: AppManifest): () => Promise<SettingsPart[]> {
  let app: Promise<readonly Check[]> | undefined;
  let at = 0;
  const askApp = () => {
    if (app === undefined || Date.now() - at > appKeptFor) {
      at = Date.now();
      app = appChecks(rekey, manifest);
    }
    return soon(app);
  };
  return async () => [
    {
      title: "GitHub App",
      checks: rekey.config.github === undefined ? [off("App", "github: in rekey.yml, which rekey setup writes")] : await askApp(),
    },
    { title: "People", checks: people(rekey.config) },
    { title: "Connections", checks: await connections(rekey) },
    { title: "Runtime sources and consumers", checks: await sources(rekey) },
    { title: "Messages and reports", checks: messages(rekey.config) },
    { title: "Programs", checks: await programs(rekey) },
    { title: "Safety", checks: safety(rekey.config) },
    { title: "Policy", checks: policy(rekey.config) },
  ];
}

async function appChecks(rekey: Rekey, manifest: AppManifest): Promise<readonly Check[]> {
  try {
    if (rekey.app === undefined) return [failed("App", "has not started", "the server's log says why")];
    return await checkApp(await rekey.app.appClient(), manifest, rekey.config);
  } catch (error) {
    rekey.log.warn({ error: describeError(error) }, "the App could not be looked at for the settings page");
    return [failed("App", "GitHub could not be asked", "rekey doctor says more")];
  }
}

function soon(checks: Promise<readonly Check[]>): Promise<readonly Check[]> {
  const { promise, resolve } = Promise.withResolvers<readonly Check[]>();
  const timer = setTimeout(() => resolve([warning("App", "GitHub has not answered yet", "look again in a moment")]), patience);
  void checks.then(resolve).finally(() => clearTimeout(timer));
  return promise;
}

const off = (what: string, needs: string): Check => warning(what, "is off", `needs ${needs}`);

function people({ login, security_team: team }: ServerConfig): Check[] {
  return [
    login?.github === undefined ? off("log-in through GitHub", "login.github") : ok("log-in through GitHub", `at ${login.url}`),
    ...(login?.oidc === undefined ? [] : [ok(`log-in through ${login.oidc.label}`, "people without a seat on GitHub only read")]),
    team.length === 0
      ? failed(
          "security team",
          "is empty",
          "needs security_team: logins or organisation/team; until then nobody decides on accepted risks and production",
        )
      : ok("security team", team.join(", ")),
  ];
}

async function connections(rekey: Rekey): Promise<Check[]> {
  const all = Object.entries(rekey.config.connections);
  if (all.length === 0) return [off("rotation", "connections: a secret manager and vendors; until then every plan is steps by hand")];
  return Promise.all(
    all.map(async ([name, { type, host, credential, inventory }]): Promise<Check> => {
      const what = `${name} (${type})`;
      if (credential === undefined) return warning(what, placeOf(host), "needs a credential: without one it only verifies");
      const sink = rekey.sinkFor(type);
      if (sink === undefined || sinkConnection(sink.manifest) !== type) return ok(what, placeOf(host));
      if (inventory === "off")
        return warning(what, `${placeOf(host)}; its inventory is off`, "needs inventory: on to find leaked values there");
      const reading = await storeReading(rekey.database.db, { tenant: githubHost(rekey), connection: name });
      return reading?.lastFinishedAt === undefined
        ? warning(what, `${placeOf(host)}; never read to the end yet`, "it is read once a day; rekey connect tests its credential")
        : ok(
            what,
            `${placeOf(host)}; ${reading.entries} entries, read to the end ${reading.lastFinishedAt.toISOString().slice(0, 16)} UTC`,
          );
    }),
  );
}

/** Without user, password and query, which a database URL may have. */
function placeOf(host: string): string {
  return host.replace(/^([a-z][a-z0-9+.-]*:\/\/)?([^@/]*@)?/i, "$1").replace(/[?#].*$/, "");
}

async function sources(rekey: Rekey): Promise<Check[]> {
  const { sources: all } = await coverageNow(rekey, () => true);
  const told = all.filter(({ type }) => type === "runtime" || type === "consumer");
  if (told.length === 0) return [off("what agents do", "runtime.sources: a gateway, a collector or a hook")];
  return told.map(({ name, type, kinds, needs, identities }) =>
    needs === undefined
      ? ok(`${name} (${type})`, `${kinds.join(", ")} of ${identities} identities`)
      : warning(`${name} (${type})`, "tells nothing", needs),
  );
}

function messages({ notify, reports }: ServerConfig): Check[] {
  return [
    ...(notify.length === 0 ? [off("messages", "notify: Slack, Jira or a signed webhook")] : []),
    ...notify.map(({ name, type, when, severity }) => ok(`${name} (${type})`, `${when.join(", ")}, from ${severity} on`)),
    reports.weekly === undefined
      ? off("weekly report", "reports.weekly.repository")
      : ok("weekly report", `an issue in ${reports.weekly.repository}`),
  ];
}

async function programs(rekey: Rekey): Promise<Check[]> {
  const tokens = await listApiTokens(rekey.database.db);
  const soonEnds = Date.now() + 14 * 86_400_000;
  return [
    ...(tokens.length === 0 ? [off("API tokens", "rekey token create")] : []),
    ...tokens.map(({ name, scopes, expiresAt, usedAt }) => {
      const says = `${scopes.join(", ")}; until ${expiresAt.toISOString().slice(0, 10)}, ${usedAt === undefined ? "never used" : `last used ${usedAt.toISOString().slice(0, 10)}`}`;
      return expiresAt.getTime() < soonEnds
        ? warning(`token ${name}`, says, "ends within 14 days, or has: rekey token create, then remove")
        : ok(`token ${name}`, says);
    }),
    ...rekey.config.reviews.tokens.map(({ name }) => ok(`review token ${name}`, "may bring decisions of access reviews")),
  ];
}

function safety({ fingerprint, quarantine, database, governance, github }: ServerConfig): Check[] {
  return [
    fingerprint.key === undefined
      ? warning("fingerprint key", "is this machine's user's", "needs fingerprint.key: a server has its own")
      : ok("fingerprint key", fingerprint.previous.length === 0 ? "its own" : `its own, and ${fingerprint.previous.length} of before`),
    quarantine === undefined
      ? off("quarantine", "quarantine: where a leaked value waits for its last probe")
      : ok("quarantine", `in ${quarantine.connection}, at most ${Math.round(quarantine.ttl / 86_400_000)} days`),
    database.url === undefined ? ok("database", "embedded, in this process") : ok("database", "PostgreSQL"),
    governance.controls === undefined ? off("owners of controls", "governance.controls") : ok("owners of controls", "written down"),
    ...(github?.webhook_secret_previous === undefined
      ? []
      : [warning("webhook secret", "two are accepted", "take webhook_secret_previous out once GitHub uses the new one")]),
  ];
}

function policy({ policy: set }: ServerConfig): Check[] {
  const hours = (milliseconds: number) =>
    milliseconds % 3_600_000 === 0 ? `${milliseconds / 3_600_000} h` : `${milliseconds / 60_000} min`;
  return [
    ok("stage of a new repository", set.rollout),
    ok("probes", set.probe === "on" ? "one read-only call when a key is found" : "off"),
    ok("mode of a rotation", set.mode),
    ok("starts by itself", set.automatic === "on" ? "outside production, after five approved runs" : "never"),
    ok("when a scan does not end", `${set.on_unavailable} after ${hours(set.unavailable_after)}`),
    ok("accepted risks", `at most ${set.exceptions.max_days} days`),
    ok("rotations an hour", `${set.caps.runs_per_hour}; ${set.caps.per_provider} a vendor, ${set.caps.per_identity} an identity`),
    ok("rehearsal", `${set.rehearsal.required}, within ${Math.round(set.rehearsal.within / 86_400_000)} days`),
  ];
}
