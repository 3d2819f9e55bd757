import { connectionType, type Driver, type KeyRecord, type Manifest, type ProbeResult } from "../driver.ts";
import type { Finding } from "../finding.ts";
import { isSilenced } from "../governance/silence.ts";
import { baitOf } from "../identity/honeytoken.ts";
import type { Incident } from "../incident/fold.ts";
import type { Plan } from "../playbook/plan.ts";
import { Secret } from "../secret.ts";
import { latestPlan, listReceipts, saveReceipt } from "../store/evidence.ts";
import { getIncident, listOccurrences, recordEvents } from "../store/incidents.ts";
import { connectionOf, contextOf, driverOf, type Rekey } from "./context.ts";
import { recover } from "./recover.ts";

/** One read-only call to the pinned host: is the leaked credential accepted? Kept as a receipt, which later controls a proof of death. */
export async function observeValidity(rekey: Rekey, incident: string, finding: Finding): Promise<ProbeResult | undefined> {
  const driver = driverOf(rekey, finding.detector);
  const known = await getIncident(rekey.database.db, incident);
  if (driver?.manifest.verbs.probe === undefined || known === undefined || baitOf(finding) !== undefined) return undefined;
  // what the policy dismissed for its type is asked about all the same: nothing that lives is silenced
  if (known.state === "resolved" && !isSilenced(known)) return undefined;
  const result = await probeOnce(rekey, driver, known, finding);
  if (result === undefined) return undefined;
  await saveReceipt(rekey.database.db, {
    incident,
    round: 0,
    subject: "old",
    answer: result.answer,
    code: result.code,
    control: "none",
    via: "probe",
  });
  const validity = result.answer === "alive" ? "active" : result.answer === "invalid" ? "inactive" : "unknown";
  if (validity !== known.validity || known.validityCode === undefined) {
    await rekey.database.db
      .transaction()
      .execute((trx) => recordEvents(trx, incident, [{ type: "validity-observed", validity, code: result.code, control: "none" }]));
  }
  return result;
}

export type Verdict = { readonly dead: true; readonly whenFound: boolean } | { readonly dead: false; readonly sentence: string };

/**
 * Looks whether a credential that somebody ended by hand is dead (contracts.md §8): three refusals spaced over the propagation time.
 * `given` is the value that a person gave, checked by its fingerprint. The control is a receipt of this incident that the vendor accepted the value before; without one it was inactive when found.
 */
export async function verifyDead(
  rekey: Rekey,
  incident: string,
  sleep: (milliseconds: number) => Promise<void>,
  given?: Secret,
): Promise<Verdict> {
  const known = await getIncident(rekey.database.db, incident);
  const [occurrence] = await listOccurrences(rekey.database.db, incident);
  if (known === undefined || occurrence === undefined) return { dead: false, sentence: "This incident is not known." };
  // what only may be one is tried when a person asks: then somebody has revoked it
  if (baitOf(occurrence.finding) === "sure")
    return { dead: false, sentence: "It is a honeytoken, which is never sent to its vendor: its use is the alarm." };
  const driver = driverOf(rekey, known.credential.detector);
  if (driver?.manifest.verbs.probe === undefined)
    return {
      dead: false,
      sentence: `There is no safe probe for this type; say how you revoked it with \`/rekey revoked ${incident} "how"\`.`,
    };
  const first = await stateOf(rekey, driver, known, occurrence.finding, given);
  if (first === "disabled") return { dead: false, sentence: disabledSentence(driver) };
  const before = (await listReceipts(rekey.database.db, incident)).some(({ subject, answer }) => subject === "old" && answer === "alive");
  const rounds = 3;
  for (let round = 1; round <= rounds; round++) {
    const result = await probeOnce(rekey, driver, known, occurrence.finding, given);
    if (result === undefined)
      return {
        dead: false,
        sentence: "The value could not be read again from where it leaked, so nothing can be proven; give it with `rekey verify` on stdin.",
      };
    await saveReceipt(rekey.database.db, {
      incident,
      round,
      subject: "old",
      answer: result.answer,
      code: result.code,
      control: before ? "receipt" : "none",
      via: "probe",
    });
    if (result.answer === "alive")
      return { dead: false, sentence: `It is still accepted (${result.code}). Revoke it at ${driver.manifest.pages.revoke}.` };
    if (result.answer !== "invalid")
      return { dead: false, sentence: `The provider did not say whether it is dead (${result.code}); try again later.` };
    if (round < rounds) await sleep(Math.ceil(driver.manifest.propagation.revoke / (rounds - 1)));
  }
  // it may have been enabled, disabled or deleted meanwhile: the vendor's record is asked again after the last refusal
  const state = await stateOf(rekey, driver, known, occurrence.finding, given);
  if (state === "disabled") return { dead: false, sentence: disabledSentence(driver) };
  const decides = recordDecides(driver.manifest);
  if (decides ? state !== "gone" : state === "unknown" && disabledLooksDead(driver.manifest))
    return { dead: false, sentence: undecided(rekey, driver, incident, occurrence.finding, state) };
  if (!before && !driver.manifest.invalidMeansDead)
    return { dead: false, sentence: "It is refused, but nobody ever saw it accepted, so its death is not proven." };
  await rekey.database.db.transaction().execute((trx) =>
    recordEvents(trx, incident, [
      { type: "validity-observed", validity: "inactive", code: "three refusals", control: before ? "receipt" : "none" },
      {
        type: "dead",
        proof: decides ? "both" : "probe",
        receipts: rounds,
        whenFound: !before,
      },
      { type: "closed", resolution: "revoked" },
    ]),
  );
  return { dead: true, whenFound: !before };
}

/** What the vendor's own record says of the credential; `unknown` where there is no connection, or it could not say. */
type RecordState = KeyRecord["state"] | "unknown";

/** A refusal alone says too little of these: a disabled credential, or one of a blocked owner, would be refused too. */
function recordDecides(manifest: Manifest): boolean {
  // the id of a slot, a user or a rolled key lives on with another value, and its record says nothing of this one
  const idEnds = manifest.class === "m-delete" || manifest.class === "m-disable" || manifest.class === "kill-only";
  return idEnds && (manifest.proof !== "probe" || disabledLooksDead(manifest));
}

function disabledLooksDead({ reversible, invalidMeansDead }: Manifest): boolean {
  return reversible.disable && !invalidMeansDead;
}

function disabledSentence({ manifest }: Driver): string {
  return `It is disabled, which contains it and can be taken back. Delete it at ${manifest.pages.revoke}, then verify again.`;
}

function undecided(rekey: Rekey, driver: Driver, incident: string, { attributes }: Finding, state: RecordState): string {
  const { manifest } = driver;
  if (state === "active")
    return `It is refused, but the vendor's list still shows it as active. Delete it at ${manifest.pages.revoke}, then verify again.`;
  const looks = manifest.reversible.disable ? "a disabled one would be refused too" : "what is only blocked would be refused too";
  const why =
    connectionOf(rekey, driver, attributes) === undefined
      ? `without a connection of type ${connectionType(manifest)} nobody can tell them apart`
      : "the vendor's own record did not tell them apart";
  return `It is refused, but ${looks}, and ${why}. Delete it at ${manifest.pages.revoke}, then say so with \`/rekey revoked ${incident} "how"\`.`;
}

/** By the record that the plan named while the value lived, else by what the vendor says of the value. */
async function stateOf(rekey: Rekey, driver: Driver, incident: Incident, finding: Finding, given?: Secret): Promise<RecordState> {
  const connection = connectionOf(rekey, driver, finding.attributes);
  if (connection === undefined) return "unknown";
  const context = contextOf(rekey, connection, driver);
  try {
    const plan = (await latestPlan(rekey.database.db, incident.id))?.body as Plan | undefined;
    const id = plan?.driver === driver.manifest.type && plan.facts.connection === connection ? plan.facts.named?.id : undefined;
    if (id !== undefined && driver.list !== undefined) {
      const records = await driver.list(context, { attributes: { ...finding.attributes, ...plan?.facts.attributes } });
      return records.find((record) => record.id === id)?.state ?? "gone";
    }
    if (driver.match === undefined) return "unknown";
    const secret = given === undefined ? await recover(rekey, incident) : Secret.from(Buffer.from(given.reveal(), "utf8"));
    if (secret === undefined) return "unknown";
    const { records, grade } = await driver.match(context, { attributes: finding.attributes, secret }).finally(() => secret.wipe());
    if (records.length === 0) return grade === "confirmed" ? "gone" : "unknown";
    return records.every(({ state }) => state === "disabled")
      ? "disabled"
      : records.some(({ state }) => state === "active")
        ? "active"
        : "gone";
  } catch (error) {
    rekey.log.warn(
      { incident: incident.id, error: error instanceof Error ? error.name : "unknown" },
      "the vendor could not say whether this credential is disabled",
    );
    return "unknown";
  }
}

async function probeOnce(
  rekey: Rekey,
  driver: Driver,
  incident: Incident,
  finding: Finding,
  given?: Secret,
): Promise<ProbeResult | undefined> {
  const secret = given === undefined ? await recover(rekey, incident) : Secret.from(Buffer.from(given.reveal(), "utf8"));
  if (secret === undefined) return undefined;
  try {
    return await driver.probe(contextOf(rekey, connectionOf(rekey, driver, finding.attributes), driver), {
      attributes: finding.attributes,
      secret,
    });
  } catch (error) {
    return { answer: "unknown", code: error instanceof Error ? error.name : "no answer" };
  } finally {
    secret.wipe();
  }
}
