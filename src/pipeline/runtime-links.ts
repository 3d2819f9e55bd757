import type { IncidentEvent } from "../incident/event.ts";
import type { RuntimeHints } from "../incident/runtime.ts";
import { fingerprintsOfHash } from "../secret.ts";
import { incidentOfHash } from "../store/incidents.ts";
import { identitiesNamed } from "../store/inventory.ts";
import type { Linked } from "../store/runtime-events.ts";
import { githubHost, type Rekey } from "./context.ts";

type CredentialLinked = Extract<IncidentEvent, { type: "credential-linked" }>;

export interface RuntimeLinks {
  readonly events: readonly Linked[];
  /** The leaked credential that the call was made with. */
  readonly credential?: CredentialLinked;
  /** Of the only identity that has this name. */
  readonly repository?: string;
}

/** Kinds that act at runtime; a role or a store of the same name is somebody else. */
const acting = ["agent", "agent-instance", "mcp-server", "workload", "service-account", "model-api-key"];

/**
 * Whom a source means. Its own word makes an instance of its own, never more than weakly; where exactly one identity of all default branches has
 * this name, that one too, since anybody with the source's token can say a name.
 */
export async function linksOf(rekey: Rekey, source: string, hints: RuntimeHints): Promise<RuntimeLinks> {
  const called = await calledWith(rekey, source, hints);
  const spoken = hints.agent ?? hints.agentId ?? hints.service ?? hints.keyAlias;
  if (spoken === undefined) return called ?? { events: [] };
  const named = await onlyNamed(rekey, [hints.agent, hints.agentId, hints.service, hints.keyAlias]);
  const events: Linked[] = [...(called?.events ?? [])];
  if (named !== undefined) {
    const { id, kind, name, owner, environment } = named.identity;
    events.push({
      type: "identity-linked",
      identity: id,
      kind,
      name,
      grade: "weak",
      ...(owner === undefined ? {} : { owner }),
      ...(environment === undefined ? {} : { environment }),
      method: "runtime-name",
      evidence: `${source} names ${named.by}, and only this identity of all default branches is called so.`,
    });
  }
  events.push({
    type: "identity-linked",
    identity: `agent-instance:runtime/${source}#${spoken}`,
    kind: "agent-instance",
    name: spoken,
    grade: "weak",
    method: "runtime-name",
    evidence: `${source} says that it was ${spoken}.`,
  });
  const repository = called?.repository ?? named?.repository;
  return {
    events: events.filter(({ identity }, index) => events.findIndex((one) => one.identity === identity) === index),
    ...(repository === undefined ? {} : { repository }),
    ...(called === undefined ? {} : { credential: called.credential }),
  };
}

/**
 * A gateway names the key of a call by its hash. Where that key leaked, its identities are those of the call, each as surely as it is known
 * of the key. The value is never seen.
 */
async function calledWith(
  rekey: Rekey,
  source: string,
  { keyHash }: RuntimeHints,
): Promise<(RuntimeLinks & { readonly credential: CredentialLinked }) | undefined> {
  if (keyHash === undefined) return undefined;
  const fingerprints = fingerprintsOfHash(keyHash, { tenant: rekey.fingerprintKeys, salts: [] });
  const leaked = await incidentOfHash(rekey.database.db, githubHost(rekey), fingerprints);
  if (leaked === undefined) return undefined;
  const evidence = `${source} names the hash of the key that leaked in ${leaked.id}.`;
  return {
    credential: { type: "credential-linked", incident: leaked.id, method: "key-hash", evidence },
    ...(leaked.repository === undefined ? {} : { repository: leaked.repository }),
    events: leaked.identities.map(({ id, kind, name, owner, grade, environment }) => ({
      type: "identity-linked",
      identity: id,
      kind,
      name,
      grade,
      ...(owner === undefined ? {} : { owner }),
      ...(environment === undefined ? {} : { environment }),
      method: "key-hash",
      evidence,
    })),
  };
}

async function onlyNamed(rekey: Rekey, names: readonly (string | undefined)[]) {
  for (const by of names) {
    if (by === undefined) continue;
    const found = (await identitiesNamed(rekey.database.db, githubHost(rekey), by)).filter(({ identity }) =>
      acting.includes(identity.kind),
    );
    const [only] = found;
    if (only !== undefined && found.length === 1) {
      const { id, kind, name, owner, environment } = only.identity;
      const facts = { id, kind, name, ...(owner === undefined ? {} : { owner }) };
      return {
        by,
        repository: only.repository,
        identity: { ...facts, ...(environment === undefined ? {} : { environment: environment.name }) },
      };
    }
  }
  return undefined;
}
