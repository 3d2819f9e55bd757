import { createHash } from "node:crypto";
import { connectKubernetes, type KubernetesClient, type KubernetesObject } from "../connection/kubernetes.ts";
import type { Sink, SinkPlace } from "../driver.ts";
import { HoldError } from "../errors.ts";
import { Secret } from "../secret.ts";

/**
 * Kubernetes Secrets. A place is `NAMESPACE/NAME`, a field is a key of its data, a version its resourceVersion. Kubernetes keeps no
 * old versions, so two Secrets of our own stand beside it until the run ends: the pending values, and what was there before the promotion.
 * A change is a merge patch with the resourceVersion that was read: the API server refuses it where somebody else wrote since.
 */
export const kubernetes: Sink = {
  manifest: {
    name: "kubernetes",
    pending: true,
    cas: true,
    readBack: true,
    undo: true,
    rights: [
      "secrets: get, patch on the Secrets that are declared",
      "secrets: create, get, delete in their namespace (names beginning with rekey-)",
      "secrets: list, where the inventory shall read the namespace",
    ],
    testedAgainst: "contract stand-in",
  },

  async inspect(context, place) {
    const current = await connectKubernetes(context).get(pathOf(place.path));
    const blocked = current === undefined ? "there is no such Kubernetes Secret; create it, or correct stored_in" : managed(current);
    return { ...(blocked === undefined ? {} : { blocked }), notes: [] };
  },

  async read(context, place, version) {
    const client = connectKubernetes(context);
    const current = await client.get(pathOf(place.path));
    if (version === undefined || current?.metadata.resourceVersion === version)
      return current === undefined ? undefined : versionOf(current);
    const before = await client.get(pathOf(beforePlace(place, version)));
    return before === undefined ? undefined : { version, fields: secretsOf(before.data) };
  },

  async pend(context, place, run, fields) {
    const client = connectKubernetes(context);
    const path = pendingPlace(place, run);
    const data = encoded(fields);
    if (!(await client.create(folderOf(path), ownSecret(path, data)))) {
      const present = await client.get(pathOf(path));
      if (!same(present?.data, data))
        throw new HoldError(
          "sink-conflict",
          `${place.path}: the pending Secret of this run holds other values; drop it first if they are of no use`,
        );
    }
    return { version: run };
  },

  async readPending(context, place, run) {
    const pending = await connectKubernetes(context).get(pathOf(pendingPlace(place, run)));
    return pending === undefined ? undefined : secretsOf(pending.data);
  },

  async promote(context, place, run, from) {
    const client = connectKubernetes(context);
    const pending = await client.get(pathOf(pendingPlace(place, run)));
    if (pending === undefined)
      throw new HoldError(
        "sink-pending-missing",
        `${place.path}: the pending Secret of run ${run} is gone, so there is nothing to promote`,
      );
    const current = await existing(client, place);
    if (contains(current.data, pending.data)) return { version: current.metadata.resourceVersion };
    if (current.metadata.resourceVersion !== from) throw conflict(place, from, current.metadata.resourceVersion);
    const blocked = managed(current);
    if (blocked !== undefined) throw new HoldError("sink-managed", `${place.path}: ${blocked}`);
    const before = beforePlace(place, from);
    await client.create(folderOf(before), ownSecret(before, current.data ?? {}, { "rekey.dev/run": run }));
    await client.patch(pathOf(pendingPlace(place, run)), { metadata: { annotations: { "rekey.dev/before": before.split("/")[1] } } });
    return change(client, place, { from, data: pending.data ?? {} });
  },

  async restore(context, place, run, { from, to }) {
    const client = connectKubernetes(context);
    const before = await client.get(pathOf(beforePlace(place, to)));
    if (before === undefined)
      throw new HoldError("sink-version-gone", `${place.path}: what stood there before is no longer kept, so it cannot be put back`);
    const current = await existing(client, place);
    if (same(current.data, before.data)) return { version: current.metadata.resourceVersion };
    const pending = await client.get(pathOf(pendingPlace(place, run)));
    const ours = pending !== undefined && contains(current.data, pending.data);
    if (current.metadata.resourceVersion !== from && !ours) throw conflict(place, from, current.metadata.resourceVersion);
    const removed = Object.keys(current.data ?? {}).flatMap((key) => (before.data?.[key] === undefined ? [[key, null]] : []));
    const data = { ...Object.fromEntries(removed), ...before.data };
    return change(client, place, { from: current.metadata.resourceVersion, data });
  },

  async drop(context, place, run) {
    const client = connectKubernetes(context);
    const path = pathOf(pendingPlace(place, run));
    const before = (await client.get(path))?.metadata.annotations?.["rekey.dev/before"];
    if (before !== undefined) await client.remove(pathOf(`${place.path.split("/")[0]}/${before}`));
    await client.remove(path);
  },

  scratch: {
    async create(context, path) {
      await connectKubernetes(context).create(folderOf(path), ownSecret(path, {}));
    },
    async remove(context, path) {
      await connectKubernetes(context).remove(pathOf(path));
    },
  },

  async *entries(context) {
    const client = connectKubernetes(context);
    for (const namespace of context.mounts ?? []) {
      for (const object of (await client.list(folderOf(`${namespace}/-`))) ?? []) {
        const { name, labels = {}, resourceVersion: version } = object.metadata;
        if (labels[ownLabel] !== undefined || object.type === "kubernetes.io/service-account-token") continue;
        for (const [field, secret] of Object.entries(secretsOf(object.data))) {
          try {
            yield { path: `${namespace}/${name}`, field, version, secret, tags: labels };
          } finally {
            secret.wipe();
          }
        }
      }
    }
  },
};

const ownLabel = "rekey.dev/own";

type Data = Readonly<Record<string, string>> | undefined;

function parts(path: string): [namespace: string, name: string] {
  const [namespace = "", name = "", ...more] = path.split("/");
  const word = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;
  if (more.length === 0 && /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(namespace) && (word.test(name) || name === "-"))
    return [namespace, name];
  throw new HoldError("bad-place", `'${path}' names no Kubernetes Secret; expected NAMESPACE/NAME`);
}

function pathOf(path: string): string {
  return `${folderOf(path)}/${parts(path)[1]}`;
}

function folderOf(path: string): string {
  return `/api/v1/namespaces/${parts(path)[0]}/secrets`;
}

function pendingPlace(place: SinkPlace, run: string): string {
  return beside(place, `pending ${run} ${place.field ?? ""}`);
}

function beforePlace(place: SinkPlace, version: string): string {
  return beside(place, `before ${version}`);
}

function beside({ path }: SinkPlace, what: string): string {
  const [namespace] = parts(path);
  return `${namespace}/rekey-${createHash("sha256").update(`${path} ${what}`).digest("hex").slice(0, 32)}`;
}

function ownSecret(path: string, data: Readonly<Record<string, string>>, annotations: Readonly<Record<string, string>> = {}): object {
  const [namespace, name] = parts(path);
  const labels = { [ownLabel]: "true", "app.kubernetes.io/managed-by": "rekey" };
  return { apiVersion: "v1", kind: "Secret", type: "Opaque", metadata: { name, namespace, labels, annotations }, data };
}

async function existing(client: KubernetesClient, place: SinkPlace): Promise<KubernetesObject> {
  const current = await client.get(pathOf(place.path));
  if (current !== undefined) return current;
  throw new HoldError("sink-absent", `${place.path}: there is no such Kubernetes Secret; create it, or correct stored_in`);
}

/** Why a change would not last: nobody can make it, or a controller would write its own values over ours. */
function managed({ immutable, metadata }: KubernetesObject): string | undefined {
  if (immutable === true) return "this Secret is immutable; make a new one under another name and let the workload use it";
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
  if (owner === undefined) return undefined;
  const copied = owner.kind === "ExternalSecret" ? ", and the ExternalSecret as a place of a connection of type external-secrets" : "";
  return `${owner.kind} ${owner.name} writes this Secret and would undo the change. Declare its source in stored_in instead${copied}`;
}

async function change(
  client: KubernetesClient,
  place: SinkPlace,
  { from, data }: { from: string; data: Readonly<Record<string, string | null>> },
): Promise<{ version: string }> {
  const changed = await client.patch(pathOf(place.path), { metadata: { resourceVersion: from }, data });
  if (changed === undefined) throw conflict(place, from, "another version");
  const wanted = Object.entries(data).every(([key, value]) => (changed.data?.[key] ?? null) === value);
  if (!wanted)
    throw new HoldError("sink-read-back", `${place.path}: the Secret does not hold what was written; something changes it on the way in`);
  return { version: changed.metadata.resourceVersion };
}

function versionOf(object: KubernetesObject): { version: string; fields: Record<string, Secret> } {
  return { version: object.metadata.resourceVersion, fields: secretsOf(object.data) };
}

function secretsOf(data: Data): Record<string, Secret> {
  return Object.fromEntries(Object.entries(data ?? {}).map(([key, value]) => [key, Secret.from(Buffer.from(value, "base64"))]));
}

function encoded(fields: Readonly<Record<string, Secret>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).map(([key, secret]) => {
      if (!/^[-._a-zA-Z0-9]{1,253}$/.test(key))
        throw new HoldError("bad-place", "a place in a Kubernetes Secret needs a field: letters, digits, '-', '_' and '.'");
      return [key, Buffer.from(secret.reveal()).toString("base64")];
    }),
  );
}

function contains(whole: Data, part: Data): boolean {
  return Object.entries(part ?? {}).every(([key, value]) => whole?.[key] === value);
}

function same(a: Data, b: Data): boolean {
  return contains(a, b) && contains(b, a);
}

function conflict(place: SinkPlace, from: string, found: string): HoldError {
  return new HoldError(
    "sink-conflict",
    `${place.path}: expected version ${from} to be current, found ${found}: somebody else wrote it, and their version stays`,
  );
}
