import { connectionType, type Driver, type ProbeResult } from "../driver.ts";
import type { Finding } from "../finding.ts";
import { baitOf } from "../identity/honeytoken.ts";
import type { Incident } from "../incident/fold.ts";
import { Secret } from "../secret.ts";
import { listReceipts, saveReceipt } from "../store/evidence.ts";
import { getIncident, listOccurrences, recordEvents } from "../store/incidents.ts";
import { connectionOf, contextOf, driverOf, type Rekey } from "./context.ts";
import { recover } from "./recover.ts";

/** One read-only call to the pinned host: is the leaked credential accepted? Kept as a receipt, which later controls a proof of death. */
export async function observeValidity(rekey: Rekey, incident: string, finding: Finding): Promise<ProbeResult | undefined> {
  const driver = driverOf(rekey, finding.detector);
  const known = await getIncident(rekey.database.db, incident);
  if (driver?.manifest.verbs.probe === undefined || known === undefined || known.state === "resolved" || baitOf(finding) !== undefined)
    return undefined;
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
  if (await isDisabled(rekey, driver, known, occurrence.finding, given))
    return {
      dead: false,
      sentence: `It is disabled, which contains it and can be taken back. Delete it at ${driver.manifest.pages.revoke}, then verify again.`,
    };
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
  if (maybeDisabled(rekey, driver, occurrence.finding))
    return {
      dead: false,
      sentence: `It is refused, but a disabled one would be refused too, and without a connection of type ${connectionType(driver.manifest)} nobody can tell them apart. Delete it at ${driver.manifest.pages.revoke}, then say so with \`/rekey revoked ${incident} "how"\`.`,
    };
  if (!before && !driver.manifest.invalidMeansDead)
    return { dead: false, sentence: "It is refused, but nobody ever saw it accepted, so its death is not proven." };
  await rekey.database.db.transaction().execute((trx) =>
    recordEvents(trx, incident, [
      { type: "validity-observed", validity: "inactive", code: "three refusals", control: before ? "receipt" : "none" },
      { type: "dead", proof: "probe", receipts: rounds, whenFound: !before },
      { type: "closed", resolution: "revoked" },
    ]),
  );
  return { dead: true, whenFound: !before };
}

/** The vendor's refusal also stands for what is only disabled, and there is no connection that could be asked. */
function maybeDisabled(rekey: Rekey, driver: Driver, { attributes }: Finding): boolean {
  const { reversible, invalidMeansDead } = driver.manifest;
  const askable = driver.match !== undefined && connectionOf(rekey, driver, attributes) !== undefined;
  return reversible.disable && !invalidMeansDead && !askable;
}

/** A disabled credential is refused like a dead one; where a connection lets us ask, the vendor's own record tells them apart. */
async function isDisabled(rekey: Rekey, driver: Driver, incident: Incident, finding: Finding, given?: Secret): Promise<boolean> {
  const connection = connectionOf(rekey, driver, finding.attributes);
  if (connection === undefined || driver.match === undefined || !driver.manifest.reversible.disable) return false;
  const secret = given === undefined ? await recover(rekey, incident) : Secret.from(Buffer.from(given.reveal(), "utf8"));
  if (secret === undefined) return false;
  try {
    const { records } = await driver.match(contextOf(rekey, connection, driver), { attributes: finding.attributes, secret });
    return records.length > 0 && records.every(({ state }) => state === "disabled");
  } catch (error) {
    rekey.log.warn(
      { incident: incident.id, error: error instanceof Error ? error.name : "unknown" },
      "the vendor could not say whether this credential is disabled",
    );
    return false;
  } finally {
    secret.wipe();
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
