import { scan } from "../scan/scan.ts";
import { scopeSalt } from "../secret.ts";
import { openOrAddOccurrence, recordEvents } from "../store/incidents.ts";
import { githubHost, type Rekey } from "./context.ts";
import { planFor } from "./planning.ts";

/** What a gateway, a trace or a hook reported (src/web/runtime.ts). */
interface Reported {
  readonly source: string;
  readonly path: string;
  readonly text: string;
  readonly agent?: string;
}

/**
 * Scans a text that an agent sent or read, in memory, and opens an incident for each credential that is not only guessed. Nothing of the text
 * is kept, and nothing is probed or rotated: whoever holds a source's token could send any value.
 */
export async function scanRuntime(rekey: Rekey, { source, path, text, agent }: Reported) {
  const keyring = { tenant: rekey.fingerprintKeys, salts: [scopeSalt(`runtime/${source}`)] };
  const bytes = Buffer.from(text);
  const findings = scan({ bytes, origin: { kind: "runtime", path: `${source}/${path}` } }, rekey.ruleset, keyring);
  bytes.fill(0);
  const told = [];
  for (const finding of findings) {
    const { title, confidence, locator } = finding;
    const sure = confidence !== "low";
    const incident = sure ? await open(rekey, finding, source, agent) : undefined;
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

async function open(rekey: Rekey, finding: ReturnType<typeof scan>[number], source: string, agent: string | undefined): Promise<string> {
  const { db } = rekey.database;
  const id = await db.transaction().execute(async (trx) => {
    const { incident } = await openOrAddOccurrence(trx, {
      finding,
      exposedAt: new Date().toISOString(),
      preExisting: false,
      tenant: githubHost(rekey),
    });
    if (agent !== undefined && agent !== "") {
      const name = agent.slice(0, 200);
      await recordEvents(trx, incident.id, [
        { type: "identity-linked", identity: `agent-instance:runtime/${source}#${name}`, kind: "agent-instance", name, grade: "weak" },
      ]);
    }
    return incident.id;
  });
  await planFor(rekey, id, undefined);
  return id;
}
