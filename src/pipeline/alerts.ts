import { type Finding, findingId } from "../finding.ts";
import { git, gitText } from "../git.ts";
import { type Alert, type AlertsOff, openAlerts, placeOf, readAlert } from "../github/alert.ts";
import { fetchCommit, withBareRepository } from "../github/fetch-code.ts";
import type { EventRepository } from "../github/handlers.ts";
import { buildGraph } from "../identity/graph.ts";
import { aliasingScan } from "../scan/aliases.ts";
import { estimatedBits } from "../scan/entropy.ts";
import { suppress } from "../scan/suppress.ts";
import { allFingerprints, committedFingerprint, fingerprint, type Keyring, olderFingerprints, Secret } from "../secret.ts";
import { getIncident, incidentsOfFingerprints, listOccurrences, recordEvents } from "../store/incidents.ts";
import { clientOf, keyringOf, remoteOf, scopeOf } from "./code.ts";
import { githubHost, type Rekey } from "./context.ts";
import { defaultBranchFiles } from "./inventory.ts";
import { rulesetOf } from "./own-detectors.ts";
import { planFor } from "./planning.ts";
import { identified, openIncident, rulesOf } from "./scan-code.ts";
import { redrawIncident } from "./surfaces.ts";
import { observeValidity } from "./verify.ts";

/** An event of GitHub's secret scanning. */
export interface AlertEvent {
  readonly repository: EventRepository;
  readonly number: number;
}

/** Under 40 bits a value says nothing about which credential it is (contracts.md §2). */
const leastBits = 40;
const dayMs = 86_400_000;

/** One alert that was raised, closed, reopened or found in public: read again, since its event is kept without its facts. */
export async function judgeAlert(rekey: Rekey, { repository, number }: AlertEvent): Promise<void> {
  const alert = await readAlert(await clientOf(rekey, repository, "alerts"), number);
  if (typeof alert === "string") return noteAlerts(rekey, repository, alert);
  await takeAlert(rekey, repository, alert, { history: false, code: codeOf(rekey, repository) });
}

/** Every open alert of a repository. What Rekey did not know before is history: the alerts were raised before anybody listened. */
export async function importAlerts(rekey: Rekey, repository: EventRepository): Promise<void> {
  let off: AlertsOff | undefined;
  const code = codeOf(rekey, repository);
  for await (const alert of openAlerts(await clientOf(rekey, repository, "alerts"))) {
    if (typeof alert === "string") off = alert;
    else await takeAlert(rekey, repository, alert, { history: true, code });
  }
  await noteAlerts(rekey, repository, off);
}

interface Taken {
  readonly history: boolean;
  readonly code: () => ReturnType<typeof readCode>;
}

/** What the default branch says about scanning and silencing: read once, and only where an alert needs it. */
function codeOf(rekey: Rekey, repository: EventRepository): Taken["code"] {
  let read: ReturnType<typeof readCode> | undefined;
  return () => {
    read ??= readCode(rekey, repository);
    return read;
  };
}

async function readCode(rekey: Rekey, repository: EventRepository) {
  const scope = scopeOf(rekey, repository.fullName);
  const files = await defaultBranchFiles(rekey, repository, await remoteOf(rekey, repository));
  const { rules } = rulesOf(files, scope);
  const { ruleset } = await rulesetOf(rekey, files);
  const keyring = keyringOf(rekey, repository.fullName, rules.salts);
  return { scope, files, rules, keyring, seen: aliasingScan(ruleset, keyring) };
}

/** The credential of an alert is one incident with every other place of it; the value is compared by its keyed fingerprint only. */
async function takeAlert(rekey: Rekey, repository: EventRepository, alert: Alert, as: Taken): Promise<void> {
  const secret = Secret.from(alert.secret.trim());
  try {
    // the public half of a pair is no credential
    if (/_(id|username|account|domain)$/.test(alert.secret_type) || estimatedBits(alert.secret) < leastBits) return;
    const id = (await knownIncident(rekey, repository, alert, secret)) ?? (await newIncident(rekey, repository, alert, secret, as));
    if (id === undefined) return;
    await recordAlert(rekey, repository, id, alert);
    // who closes an alert as revoked says so; it is looked at
    if (alert.state === "resolved" && alert.resolution === "revoked" && alert.resolved_by?.type === "User")
      await rekey.queue.enqueue("verify", { incident: id }, { singletonKey: id });
    await redrawIncident(rekey, id);
  } finally {
    secret.wipe();
  }
}

async function recordAlert(rekey: Rekey, repository: EventRepository, id: string, alert: Alert): Promise<void> {
  const { number, state, resolution, resolved_by: by, publicly_leaked, validity } = alert;
  const { db } = rekey.database;
  const known = (await getIncident(db, id))?.alerts?.find((one) => one.repositoryId === repository.id && one.number === number);
  // what Rekey closed was closed by its own account, whose name it need not know
  const own = known?.by === "rekey" && by?.type === "Bot";
  await db.transaction().execute((trx) =>
    recordEvents(trx, id, [
      {
        type: "alert-seen",
        repository: repository.fullName,
        repositoryId: repository.id,
        number,
        state,
        publiclyLeaked: publicly_leaked === true,
        ...(validity == null ? {} : { validity }),
        ...(state === "open" || resolution == null ? {} : { resolution: resolution.slice(0, 40) }),
        ...(state === "open" || by == null ? {} : { by: own ? "rekey" : by.login }),
      },
    ]),
  );
}

/** The incident that has this value, with the alert as one more of its places. Several with different subjects: the one seen at the same place. */
async function knownIncident(rekey: Rekey, repository: EventRepository, alert: Alert, secret: Secret): Promise<string | undefined> {
  const { db } = rekey.database;
  const forms = allFingerprints(secret, { tenant: rekey.fingerprintKeys, salts: [] });
  const known = await incidentsOfFingerprints(db, githubHost(rekey), forms);
  const place = placeOf(alert);
  const at = await Promise.all(known.map(async (incident) => ({ incident, places: await listOccurrences(db, incident.id) })));
  const here = at.filter(({ places }) =>
    places.some(({ path, commit }) => path !== undefined && path === place?.path && commit === place.commit),
  );
  const [only] = here.length === 1 ? here : at.length === 1 ? at : [];
  const finding = only?.places[0]?.finding;
  if (only === undefined || finding === undefined) return undefined;
  await openIncident(rekey, repository, {
    finding: { ...atAlert(finding, repository, alert), fingerprint: only.incident.credential.fingerprint },
    exposedAt: alert.created_at,
  });
  return only.incident.id;
}

async function newIncident(
  rekey: Rekey,
  repository: EventRepository,
  alert: Alert,
  secret: Secret,
  { history, code: read }: Taken,
): Promise<string | undefined> {
  if (alert.state === "resolved") return undefined; // was decided on before Rekey knew of it
  const { scope, files, rules, keyring, seen } = await read();
  const code = await inItsFile(rekey, repository, alert, seen.scan);
  const own = fingerprint(secret, keyring);
  const alone = () =>
    seen.scan({ bytes: Buffer.from(secret.reveal()), origin: { kind: "alert", ...(code.path === undefined ? {} : { path: code.path }) } });
  const found = code.findings.find((one) => one.fingerprint === own) ?? alone().find((one) => one.fingerprint === own);
  const finding = atAlert(found ?? unknownType(alert, secret, keyring), repository, alert);
  const applied = { ...rules, aliases: seen.aliases, placed: seen.placed, today: new Date().toISOString().slice(0, 10) };
  const [kept] = suppress([finding], applied).kept;
  if (kept === undefined) return undefined;
  const graph = buildGraph({ scope, files, findings: [kept], storeMatches: [] });
  // an alert about a commit that is days old is about history, however new the alert is
  const old = code.date !== undefined && Date.parse(alert.created_at) - Date.parse(code.date) > dayMs;
  const id = await openIncident(rekey, repository, {
    finding: identified(kept, graph),
    preExisting: history || old,
    exposedAt: (history || old ? code.date : undefined) ?? alert.created_at,
  });
  if (rekey.config.policy.probe === "on") await observeValidity(rekey, id, kept);
  await planFor(rekey, id, graph.declared);
  return id;
}

/** What the file at the alert's commit holds, read as any other file: with what stands around the value, and whose it is. */
async function inItsFile(
  rekey: Rekey,
  repository: EventRepository,
  alert: Alert,
  scan: ReturnType<typeof aliasingScan>["scan"],
): Promise<{ findings: readonly Finding[]; path?: string; date?: string }> {
  const place = placeOf(alert);
  if (place === undefined) return { findings: [] };
  const { path, commit, blob } = place;
  try {
    return await withBareRepository(async (gitDir) => {
      await fetchCommit(gitDir, await remoteOf(rekey, repository), commit, blob);
      const date = new Date((await gitText(["show", "--no-patch", "--format=%cI", commit], { cwd: gitDir })).trim()).toISOString();
      const bytes = await git(["cat-file", "blob", blob], { cwd: gitDir });
      const origin = { kind: "file" as const, path, repository: scopeOf(rekey, repository.fullName), blob, commit, date };
      return { findings: [...scan({ bytes, origin })], path, date };
    });
  } catch (error) {
    rekey.log.warn(
      { alert: alert.number, error: error instanceof Error ? error.name : "unknown" },
      "the file of an alert could not be read",
    );
    return { findings: [], path };
  }
}

/** The same credential, at the alert: from there its value can be read again. */
function atAlert(finding: Finding, { fullName }: EventRepository, alert: Alert): Finding {
  const place = placeOf(alert);
  const path = place?.path ?? `secret-scanning/alerts/${alert.number}`;
  const { committed, subject, detector } = finding;
  return {
    ...finding,
    id: findingId({ committed, subject, detector, path, pointer: finding.location.pointer }),
    location: {
      ...(finding.location.pointer === undefined ? {} : { pointer: finding.location.pointer }),
      ...{ kind: "alert", path, startLine: place?.startLine ?? 1, startColumn: 1, endLine: place?.endLine ?? 1, endColumn: 1 },
      ...(place === undefined ? {} : { commit: place.commit }),
    },
    locator: { source: "github-alert", repository: fullName, path, node: String(alert.number), byteStart: 0, byteEnd: 0, decode: [] },
    occurrences: 1,
    evidence: [
      { method: "github-alert", grade: "strong", text: `GitHub's secret scanning reports it as well (alert ${alert.number}).` },
      ...finding.evidence.filter(({ method }) => method !== "github-alert"),
    ],
  };
}

/** A type that only GitHub, or a pattern of the organisation's own there, knows: rotated by hand. */
function unknownType(alert: Alert, secret: Secret, keyring: Keyring): Finding {
  const committed = committedFingerprint(secret, keyring);
  const title = (alert.secret_type_display_name ?? alert.secret_type).replaceAll(/[\p{Cc}\p{Cf}]/gu, " ").slice(0, 100);
  return {
    id: "",
    detector: "github-alert",
    title,
    provider: "github-alert",
    severity: "high",
    confidence: alert.validity === "active" ? "high" : "medium",
    fingerprint: fingerprint(secret, keyring),
    ...(keyring.tenant.length < 2 ? {} : { aliases: olderFingerprints(secret, keyring) }),
    committed,
    bits: estimatedBits(secret.reveal()),
    revoke: "none: revoke it at its issuer",
    location: { kind: "alert", startLine: 1, startColumn: 1, endLine: 1, endColumn: 1 },
    locator: { source: "github-alert", byteStart: 0, byteEnd: 0, decode: [] },
    occurrences: 1,
    identities: [],
    attributes: {},
    evidence: [],
  };
}

/** When the alerts of a repository were last read, or what is missing for that. */
async function noteAlerts(rekey: Rekey, repository: EventRepository, off: AlertsOff | undefined): Promise<void> {
  await rekey.database.db
    .updateTable("repository")
    .set({ alerts_at: new Date(), alerts_off: off ?? null })
    .where("host", "=", githubHost(rekey))
    .where("id", "=", repository.id)
    .execute();
}
