import type { DriverContext, KeyRecord, Manifest, Verb, VerbPromise } from "../driver.ts";
import { HoldError } from "../errors.ts";
import { accept, type HttpAnswer, pinOf, request } from "../http.ts";
import type { Secret } from "../secret.ts";
import { ownName } from "./answer.ts";

/** What a driver over HTTP says of itself; the rest is the same for most. */
export function manifest(
  own: Pick<Manifest, "type" | "name" | "detectors" | "class" | "propagation" | "hosts" | "invalidMeansDead" | "pages"> & {
    readonly verbs: readonly Verb[];
  } & Partial<Omit<Manifest, "verbs">>,
): Manifest {
  const { verbs, ...rest } = own;
  return {
    reversible: { disable: verbs.includes("enable"), revoke: false },
    overlap: "many",
    valueChosenByUs: false,
    killByPossession: false,
    proof: "probe",
    testedAgainst: "contract stand-in",
    ...rest,
    verbs: Object.fromEntries(verbs.map((verb) => [verb, promises[verb]])),
  };
}

/**
 * Setting a state and deleting by id have the same result however often they arrive. A create makes another key each time, so its lost
 * answer is looked up by name. A roll that is sent twice kills the value that the first one gave.
 */
const promises: Readonly<Record<Verb, VerbPromise>> = {
  list: { effect: "read", retry: "safe" },
  issue: { effect: "create", retry: "verify-first" },
  roll: { effect: "destroy", retry: "never" },
  disable: { effect: "mutate", retry: "safe" },
  enable: { effect: "mutate", retry: "safe" },
  revoke: { effect: "destroy", retry: "safe" },
  probe: { effect: "read", retry: "safe" },
  whoami: { effect: "read", retry: "safe" },
  usage: { effect: "read", retry: "safe" },
};

export interface VendorCall {
  readonly method: string;
  /** Behind the host of the connection, with a leading slash. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; a string as a form. */
  readonly body?: object | string;
  /** It may be sent again where its answer was lost: it reads, or has the same result each time. */
  readonly safe?: boolean;
}

/** One call to the host of the connection, and to no other. */
export function send(context: DriverContext, { method, path, headers, body, safe }: VendorCall): Promise<HttpAnswer> {
  const type = typeof body === "string" ? "application/x-www-form-urlencoded" : "application/json";
  return request({
    method,
    url: `${context.host.replace(/\/$/, "")}${path}`,
    headers: { accept: "application/json", ...headers, ...(body === undefined ? {} : { "content-type": type }) },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    pins: [pinOf(context.host)],
    timeout: context.timeout,
    publicOnly: context.publicOnly,
    ...(safe === true ? { safe } : {}),
    ...(context.signal === undefined ? {} : { signal: context.signal }),
  });
}

export function bearer(secret: Secret | undefined): Record<string, string> {
  return secret === undefined ? {} : { authorization: `Bearer ${secret.reveal()}` };
}

/** An id as one segment of a path; HoldError for anything that could be another path. */
export function segment(id: string | undefined, what: string): string {
  if (id !== undefined && /^[A-Za-z0-9_.@=-]{1,250}$/.test(id) && !/^\.+$/.test(id)) return encodeURIComponent(id);
  throw new HoldError(id === undefined ? "scope-unknown" : "bad-key-id", `this is not ${what}; match the credential first`);
}

/** Gone already is success. */
export function gone(answer: HttpAnswer, expected: readonly number[], what: string): void {
  if (answer.status !== 404) accept(answer, expected, what, true);
}

/**
 * Every page, or HoldError: a list that breaks off is not a list (an absent key would count as deleted). `next` is the path of the
 * following page; undefined = this was the last.
 */
export async function allPages<Item>(
  first: string,
  what: string,
  read: (path: string, count: number) => Promise<{ items: readonly Item[]; next?: string | undefined }>,
): Promise<Item[]> {
  const all: Item[] = [];
  let path: string | undefined = first;
  for (let page = 0; page < 1000; page++) {
    const { items, next } = await read(path, all.length);
    all.push(...items);
    if (next === undefined) return all;
    if (next === path) break;
    path = next;
  }
  throw new HoldError("list-incomplete", `${what}: the pages did not come to an end, so the list is not complete`);
}

/** A link to the next page may name a host; only its path is followed, at our own. `base` for links that name none. */
export function pathOf(link: string | null | undefined, base?: string): string | undefined {
  if (!link) return undefined;
  const { pathname, search } = new URL(link, base);
  return `${pathname}${search}`;
}

/** `sk-abc…xyz`, `…xyz` or `abc*****`: how many characters of the value the hint shows; 0 = it is another value, or no hint. */
export function hintedCharacters(hint: string | undefined, secret: Secret): number {
  const [, prefix = "", suffix = ""] = /^([A-Za-z0-9_+/=~-]*?)(?:[.*•…]+)([A-Za-z0-9_+/=~-]*)$/.exec(hint ?? "") ?? [];
  const value = secret.reveal();
  if (prefix.length + suffix.length === 0 || prefix.length + suffix.length > value.length) return 0;
  return value.startsWith(prefix) && value.endsWith(suffix) ? prefix.length + suffix.length : 0;
}

/** Bits that a hint must show beyond the type's public prefix, so that none of a list's thousands of other keys fits by chance. */
const leastBits = 23;

/**
 * Which records a public hint fits. A hint binds only a value that the vendor was seen to accept (contracts.md §8). `sameScope`: the
 * vendor named the value's own scope, and `records` are all its keys, so that a shorter hint tells them apart.
 */
export async function matchByHint(
  records: readonly KeyRecord[],
  secret: Secret,
  publicPrefix: string,
  { alive, sameScope = false }: { alive: () => Promise<boolean>; sameScope?: boolean },
): Promise<{ records: readonly KeyRecord[]; grade: "strong" | "weak" }> {
  const perCharacter = /^[0-9a-f]+$/.test(secret.reveal().slice(publicPrefix.length).replaceAll(/[-_]/g, "")) ? 4 : 5.9;
  const fitting = records.filter(({ hint }) => {
    const shown = hintedCharacters(hint, secret) - (hint?.startsWith(publicPrefix) === true ? publicPrefix.length : 0);
    return shown > 0 && (sameScope || shown * perCharacter >= leastBits);
  });
  return { records: fitting, grade: fitting.length > 0 && (await alive()) ? "strong" : "weak" };
}

/** Deletes what carries the run's name and nothing else; returns how many. */
export async function discardNamed(
  records: readonly KeyRecord[],
  name: string,
  remove: (record: KeyRecord) => Promise<void>,
): Promise<number> {
  const own = ownName(name);
  const ours = records.filter((record) => record.name === own && record.state !== "gone");
  for (const record of ours) await remove(record);
  return ours.length;
}

/** Non-secret facts that are there, as text. */
export function attributesOf(values: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => {
      if (value === null || value === undefined) return [];
      return [[name, typeof value === "string" ? value : JSON.stringify(value)]];
    }),
  );
}

/** What `attributesOf` wrote of a value that was no string. */
export function parsed(text: string | undefined): unknown {
  return text === undefined ? undefined : JSON.parse(text);
}

/** Seconds since 1970 → ISO 8601. */
export function isoOf(seconds: number | null | undefined): string | undefined {
  return typeof seconds === "number" && seconds > 0 ? new Date(seconds * 1000).toISOString() : undefined;
}
