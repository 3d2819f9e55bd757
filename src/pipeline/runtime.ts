import type { Finding } from "../finding.ts";
import type { RuntimeEvent, RuntimeHints } from "../incident/runtime.ts";
import { scan } from "../scan/scan.ts";
import { type Keyring, scopeSalt } from "../secret.ts";
import { findIncident, openOrAddOccurrence, recordEvents } from "../store/incidents.ts";
import { mayOpen, takeReport } from "../store/runtime-events.ts";
import { githubHost, type Rekey } from "./context.ts";
import { planFor } from "./planning.ts";
import { linksOf } from "./runtime-links.ts";

/** What a gateway, a trace or a hook reported (src/web/runtime/gate.ts). */
interface Reported {
  readonly source: string;
  readonly path: string;
  readonly text: string;
  readonly hints: RuntimeHints;
}

/**
 * Scans a text that an agent sent or read, in memory, and opens an incident for each credential that is not only guessed. Nothing of the text
 * is kept, and nothing is probed or rotated: whoever holds a source's token could send any value.
 */
export async function scanRuntime(rekey: Rekey, { source, path, text, hints }: Reported) {
  const findings = scanText(rekey, source, path, text);
  const told = [];
  for (const finding of findings) {
    const { title, confidence, locator } = finding;
    const sure = confidence !== "low";
    const incident = sure ? await open(rekey, finding, source, hints) : undefined;
    told.push({
      title,
      confidence,
      byteStart: locator.byteStart,
      byteEnd: locator.byteEnd,
      ...(incident === undefined ? {} : { incident }),
    });
  }
  return told;
}

function scanText(rekey: Rekey, source: string, path: string, text: string): Finding[] {
  const keyring: Keyring = { tenant: rekey.fingerprintKeys, salts: [scopeSalt(`runtime/${source}`)] };
  const bytes = Buffer.from(text);
  const findings = scan({ bytes, origin: { kind: "runtime", path: `${source}/${path}` } }, rekey.ruleset, keyring);
  bytes.fill(0);
  return findings;
}

/** Undefined where too many incidents of this source are open. */
async function open(rekey: Rekey, finding: Finding, source: string, hints: RuntimeHints): Promise<string | undefined> {
  const { db } = rekey.database;
  const links = await linksOf(rekey, source, hints);
  const tenant = githubHost(rekey);
  const id = await db.transaction().execute(async (trx) => {
    const known = await findIncident(trx, { tenant, fingerprint: finding.fingerprint, subject: finding.subject });
    if (known === undefined && !(await mayOpen(trx, source, openAtMost(rekey, source)))) return undefined;
    const exposedAt = new Date().toISOString();
    const { incident } = await openOrAddOccurrence(trx, { finding, exposedAt, preExisting: false, tenant, source });
    // that it passed through a call does not make it the caller's
    const weak = links.events.map((link) => ({ ...link, grade: "weak" }));
    await recordEvents(
      trx,
      incident.id,
      weak.filter((link) => !incident.identities.some(({ id: known }) => known === link.identity)),
    );
    return incident.id;
  });
  if (id !== undefined) await planFor(rekey, id, undefined);
  return id;
}

function openAtMost(rekey: Rekey, source: string): number {
  return rekey.config.runtime.sources.find(({ name }) => name === source)?.open_incidents ?? 0;
}

/**
 * Makes events incidents of their identity. What a source says is never proof: its links are weak, and nothing is probed, planned or rotated.
 * Each event is taken in a transaction of its own, so that a call that was cut off can be sent again.
 */
export async function takeEvents(rekey: Rekey, events: readonly RuntimeEvent[]) {
  const { db } = rekey.database;
  const result = { taken: 0, known: 0, heldBack: 0 };
  const incidents = new Set<string>();
  for (const given of events) {
    const event = withoutCredentials(rekey, given);
    const { events: identities, repository, credential } = await linksOf(rekey, event.source, event.hints);
    const outcome = await db.transaction().execute((trx) =>
      takeReport(trx, {
        event,
        tenant: githubHost(rekey),
        links: [...identities, ...(credential === undefined ? [] : [credential])],
        ...(repository === undefined ? {} : { repository }),
        openAtMost: openAtMost(rekey, event.source),
      }),
    );
    if (outcome.state === "held-back") result.heldBack += 1;
    else if (outcome.state === "known") result.known += 1;
    else result.taken += 1;
    if (outcome.state === "known") incidents.add(outcome.incident);
    else if (outcome.state !== "held-back") incidents.add(outcome.incident.id);
  }
  return { ...result, incidents: [...incidents] };
}

const texts = ["title", "rule", "tool", "model", "externalId", "link"] as const;

/** A source may quote the prompt, or put a key into a link: what looks like a credential in a text is not kept. */
function withoutCredentials(rekey: Rekey, event: RuntimeEvent): RuntimeEvent {
  const clean: { -readonly [field in keyof RuntimeEvent]: RuntimeEvent[field] } = { ...event };
  const holds = (text: string) => scanText(rekey, event.source, "event.txt", text).length > 0;
  for (const field of texts) {
    const text = event[field];
    if (text === undefined || !holds(text)) continue;
    if (field === "link") delete clean.link;
    else clean[field] = "[credential removed]";
  }
  const { keyHash, ...named } = event.hints;
  const hints = Object.fromEntries(Object.entries(named).filter(([, name]) => !holds(name)));
  return { ...clean, hints: { ...hints, ...(keyHash === undefined ? {} : { keyHash }) } };
}
