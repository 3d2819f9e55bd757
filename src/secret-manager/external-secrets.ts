import { connectKubernetes, type KubernetesObject } from "../connection/kubernetes.ts";
import type { DriverContext, Sink, SinkPlace } from "../driver.ts";
import { HoldError, RetryError } from "../errors.ts";

/**
 * An ExternalSecret of the External Secrets Operator, which copies a value from a secret manager into a Kubernetes Secret. It stores
 * nothing itself: after the source has the new value, its annotation makes the operator copy at once
 * (https://external-secrets.io/latest/introduction/faq/). A place is `NAMESPACE/NAME`, a version the time of the last copy.
 */
export const externalSecrets: Sink = {
  manifest: {
    name: "external-secrets",
    pending: false,
    cas: true,
    readBack: false,
    undo: true,
    refresh: true,
    rights: ["externalsecrets.external-secrets.io: get, patch on those that are declared"],
    testedAgainst: "contract stand-in",
  },

  async read(context, place) {
    const object = await connectKubernetes(context).get(pathOf(place));
    return object === undefined ? undefined : { version: refreshTimeOf(object), fields: {} };
  },

  async pend() {
    throw new HoldError("no-pending", "an ExternalSecret has no place in which a value could wait");
  },
  async readPending() {
    return undefined;
  },
  async drop() {},

  promote: (context, place, run, from) => refresh(context, place, run, from),
  restore: (context, place, run, { from }) => refresh(context, place, `${run}-undo`, from),

  async *entries() {}, // what it copies is in the inventory of its source
};

const annotation = "rekey.dev/refresh";

/** Asks once for each `mark`; what was asked for already is only waited for. RetryError while the operator has not come by. */
async function refresh(context: DriverContext, place: SinkPlace, mark: string, from: string): Promise<{ version: string }> {
  const client = connectKubernetes(context);
  const path = pathOf(place);
  const before = await client.get(path);
  if (before === undefined) throw new HoldError("sink-absent", `${place.path}: there is no such ExternalSecret; correct stored_in`);
  const asked = before.metadata.annotations?.[annotation]?.split(" ");
  const since = asked?.[0] === mark ? (asked[1] ?? from) : refreshTimeOf(before);
  if (asked?.[0] !== mark) await client.patch(path, { metadata: { annotations: { [annotation]: `${mark} ${since}` } } });
  const deadline = Date.now() + context.timeout;
  for (;;) {
    const now = await client.get(path);
    if (now !== undefined && refreshTimeOf(now) !== since && isReady(now)) return { version: refreshTimeOf(now) };
    if (Date.now() > deadline)
      throw new RetryError(`${place.path}: the External Secrets Operator has not copied the new value yet (${reasonOf(now)})`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

interface Condition {
  readonly type?: string;
  readonly status?: string;
  readonly reason?: string;
}

function conditionOf(object: KubernetesObject | undefined): Condition | undefined {
  const conditions = object?.status?.["conditions"];
  return Array.isArray(conditions) ? (conditions as Condition[]).find(({ type }) => type === "Ready") : undefined;
}

function isReady(object: KubernetesObject): boolean {
  return conditionOf(object)?.status === "True";
}

function reasonOf(object: KubernetesObject | undefined): string {
  const reason = conditionOf(object)?.reason ?? "";
  return /^\w{1,60}$/.test(reason) ? reason : "no status";
}

function refreshTimeOf({ status }: KubernetesObject): string {
  const time = status?.["refreshTime"];
  return typeof time === "string" ? time : "0";
}

function pathOf({ path }: SinkPlace): string {
  const [namespace = "", name = "", ...more] = path.split("/");
  if (more.length === 0 && [namespace, name].every((part) => /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(part)))
    return `/apis/external-secrets.io/v1/namespaces/${namespace}/externalsecrets/${name}`;
  throw new HoldError("bad-place", `'${path}' names no ExternalSecret; expected NAMESPACE/NAME`);
}
