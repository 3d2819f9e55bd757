import type { Finding } from "../finding.ts";
import type { Access, Snapshot } from "../governance/review.ts";
import { wipe } from "../rotation/stored-value.ts";
import { scan } from "../scan/scan.ts";
import { scopeSalt } from "../secret.ts";
import { getIncident, openOrAddOccurrence, recordEvents } from "../store/incidents.ts";
import { contextOf, githubHost, type Rekey } from "./context.ts";
import { planFor } from "./planning.ts";
import { observeValidity } from "./verify.ts";

type Stored = Extract<Access, { kind: "stored" }>;

/**
 * The incident of a credential that nobody leaked and a review denied: read where it is kept, named by its fingerprint, with a plan. The
 * value lives only in this function. Undefined where there is nothing, or nothing of a known type.
 */
export async function openFromStore(rekey: Rekey, access: Stored, { identity, repository }: Snapshot): Promise<string | undefined> {
  const finding = await findingAt(rekey, access, identity);
  if (finding === undefined) return undefined;
  const { db } = rekey.database;
  const id = await db.transaction().execute(async (trx) => {
    const { incident } = await openOrAddOccurrence(trx, {
      finding,
      exposedAt: new Date().toISOString(),
      preExisting: false,
      tenant: githubHost(rekey),
      ...(repository === undefined ? {} : { repository }),
      cause: "review",
    });
    const { id: of, kind, name, owner } = identity;
    await recordEvents(trx, incident.id, [
      { type: "identity-linked", identity: of, kind, name, grade: "strong", ...(owner === undefined ? {} : { owner }) },
    ]);
    if (incident.state === "resolved" && incident.death === undefined)
      await recordEvents(trx, incident.id, [{ type: "reopened", why: "an access review denied it" }]);
    return incident.id;
  });
  // a death without a control needs to have seen it alive, so it is looked at before anything ends it
  if (rekey.config.policy.probe === "on") await observeValidity(rekey, id, finding);
  if ((await getIncident(db, id))?.state === "open") await planFor(rekey, id, undefined);
  return id;
}

async function findingAt(rekey: Rekey, access: Stored, identity: Snapshot["identity"]): Promise<Finding | undefined> {
  const { connection, path, field } = access;
  const type = rekey.config.connections[connection]?.type;
  const sink = type === undefined ? undefined : rekey.sinkFor(type);
  if (sink === undefined) return undefined;
  const place = { path, ...(field === undefined ? {} : { field }) };
  const read = await sink.read(contextOf(rekey, connection), place);
  const value = read?.fields[field ?? ""];
  try {
    if (value === undefined) return undefined;
    const bytes = Buffer.from(`${field ?? "SECRET"}=${value.reveal()}\n`);
    const keyring = { tenant: rekey.fingerprintKeys, salts: [scopeSalt(`${connection}/${path}`)] };
    const [found, ...more] = scan({ bytes, origin: { kind: "secret-manager" } }, rekey.ruleset, keyring);
    bytes.fill(0);
    if (found === undefined || more.length > 0) return undefined;
    const { id, kind, name, owner } = identity;
    return {
      ...found,
      location: { ...found.location, kind: "secret-manager", path: `${connection}:${path}` },
      locator: { ...found.locator, source: "secret-manager", node: connection, path, ...(field === undefined ? {} : { pointer: field }) },
      identities: [
        {
          id,
          kind: kind as Finding["identities"][number]["kind"],
          name,
          relation: "authenticates_as",
          grade: "strong",
          ...(owner === undefined ? {} : { owner }),
        },
      ],
    };
  } finally {
    wipe(read?.fields);
  }
}
