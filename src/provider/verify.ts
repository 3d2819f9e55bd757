import type { CompiledDetector } from "../detector/compile.ts";
import type { Driver, DriverContext, ProbeResult } from "../driver.ts";
import { HoldError, RefusedError, RetryError, UnknownOutcomeError } from "../errors.ts";
import type { Finding, Validity, Verification } from "../finding.ts";
import { isLoopback } from "../http.ts";
import type { Secret } from "../secret.ts";
import { guidedDriver } from "./guided.ts";
import { driverFor } from "./index.ts";

/** A found credential whose vendor may be asked. */
export interface Verifiable {
  readonly finding: Finding;
  readonly secret: Secret;
  /** Servers that a person allowed for this provider and that stand beside the finding, `host` or `host:port`. */
  readonly beside: readonly string[];
  /** Why it is never sent anywhere, as a sentence: a canary token, a honeytoken. */
  readonly bait?: string | undefined;
}

export interface VerifyOptions {
  readonly rule: (detector: string) => CompiledDetector | undefined;
  readonly sleep: (milliseconds: number) => Promise<void>;
  readonly now: () => string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, all: number) => void;
  /** A connection of the person's own account, with which a value may be looked up by its hash. */
  readonly connection?: (driver: Driver) => DriverContext | undefined;
  /** Where a stand-in of a vendor's host listens, for tests: `api.vendor.com` → `http://127.0.0.1:PORT`. */
  readonly standIn?: (host: string) => string | undefined;
}

export interface Verified {
  readonly validity: Validity;
  readonly verification: Verification;
}

/** What one scan may do to a vendor. Milliseconds, calls. */
const limits = { timeout: 10_000, spacing: 250, perHost: 200, hosts: 6, attempts: 3, longestWait: 10_000, silent: 3 };

/**
 * Asks the vendors whether these credentials live: one read-only call each to the pinned host of the type (twice where the vendor's
 * check needs a control), one at a time and spaced for each host, several hosts at once. The answers are in the order of `all`. Never
 * throws for an answer: whatever is not the vendor's own word is `unknown`.
 */
export async function verify(all: readonly Verifiable[], options: VerifyOptions): Promise<Verified[]> {
  const answers = new Map<Verifiable, Verified>();
  const settle = (one: Verifiable, verified: Verified) => {
    answers.set(one, verified);
    options.onProgress?.(answers.size, all.length);
  };
  const asked = all.flatMap((one): Call[] => {
    const call = callFor(one, options);
    if (typeof call !== "string") return [call];
    settle(one, { validity: "unknown", verification: { at: options.now(), answer: call } });
    return [];
  });
  const queues = [...Map.groupBy(asked, ({ host }) => host).values()];
  const take = async () => {
    for (let queue = queues.shift(); queue !== undefined; queue = queues.shift()) await askInTurn(queue, options, settle);
  };
  await Promise.all(Array.from({ length: limits.hosts }, take));
  return all.map((one) => answers.get(one) ?? { validity: "unknown", verification: { at: options.now(), answer: "was not asked" } });
}

interface Answered {
  readonly result: ProbeResult;
  readonly server: string;
  /** For people, where it was not the driver's own probe. */
  readonly sent?: string | undefined;
}

interface Call {
  readonly one: Verifiable;
  readonly driver: Driver;
  /** Of what the pace is kept for: the vendor's first host, or the server that a person named. */
  readonly host: string;
  /** Asked in this order, the next one only where the one before refuses: the regions of one vendor. */
  readonly servers: readonly { readonly name: string; readonly base: string }[];
  /** A person named the server, so that it is the issuer. */
  readonly named: boolean;
}

/** The call, or in words why there is none. */
function callFor(one: Verifiable, { rule, standIn }: VerifyOptions): Call | string {
  const { finding, beside, bait } = one;
  if (bait !== undefined) return `not sent: ${bait}`;
  if (finding.candidates !== undefined) return "not sent: the format fits several providers, and only its own may see a value";
  const compiled = rule(finding.detector);
  const driver = driverFor(finding.detector) ?? (compiled === undefined ? undefined : guidedDriver(compiled.detector));
  if (driver?.manifest.verbs.probe === undefined) return "not sent: no safe read-only call is known for this type";
  const check = compiled?.detector.check;
  if (driverFor(finding.detector) === undefined && check !== undefined && "method" in check && check.url.includes("{secret}"))
    return "not sent: this vendor takes the value in the address only, where others log it";

  const own = ownServer(driver, finding.attributes);
  const allowed = beside.find((server) => own === undefined || sameServer(server, own));
  if (allowed !== undefined) return { one, driver, host: allowed, servers: [{ name: allowed, base: baseOf(allowed, own) }], named: true };
  const { hosts } = driver.manifest;
  if (hosts.length === 0) {
    const server = own ?? "a server of somebody's own";
    return `not sent: it belongs to ${server}; --verify-host ${finding.provider}=HOST allows one that stands beside the value`;
  }
  const servers = hosts.map((name) => ({ name, base: standIn?.(name) ?? `https://${name}` }));
  return { one, driver, host: hosts[0] ?? "", servers, named: false };
}

/** The server that the credential itself names, for types that have none of the vendor's. */
function ownServer({ manifest }: Driver, { host, port }: Readonly<Record<string, string>>): string | undefined {
  if (manifest.hosts.length > 0 || host === undefined) return undefined;
  return port === undefined ? host : `${host}:${port}`;
}

/** An allowed host without a port stands for every port. */
function sameServer(allowed: string, own: string): boolean {
  const [wanted, given] = [allowed.toLowerCase(), own.toLowerCase()];
  return wanted === given || (!/:\d+$/.test(wanted) && given.replace(/:\d+$/, "") === wanted);
}

/** Databases take `host:port`; everything else is https, and plain http on this machine only. */
function baseOf(allowed: string, own: string | undefined): string {
  if (own !== undefined) return own;
  return isLoopback(allowed.replace(/:\d+$/, "")) ? `http://${allowed}` : `https://${allowed}`;
}

/** One host's credentials, one after the other. A host that is silent, or asks to wait for too long, is left alone for the rest. */
async function askInTurn(
  queue: readonly Call[],
  options: VerifyOptions,
  settle: (one: Verifiable, verified: Verified) => void,
): Promise<void> {
  let silent = 0;
  let closed: string | undefined;
  for (const [index, call] of queue.entries()) {
    if (index === limits.perHost) closed = `not sent: ${limits.perHost} credentials of ${call.host} were tried already`;
    if (options.signal?.aborted === true) closed = "not sent: stopped";
    if (closed !== undefined) {
      settle(call.one, { validity: "unknown", verification: { at: options.now(), answer: closed } });
      continue;
    }
    if (index > 0) await options.sleep(limits.spacing);
    const { result, server, sent } = (await lookedUp(call, options)) ?? (await askPatiently(call, options));
    settle(call.one, judged(call, { result, server, sent }, options));
    silent = result.code === "no answer" ? silent + 1 : 0;
    if (silent === limits.silent) closed = `not sent: ${call.host} did not answer ${limits.silent} times`;
    if (result.afterMs !== undefined) closed = `not sent: ${call.host} asks to slow down`;
  }
}

/** By hash in the person's own account; undefined where that account does not have it, so that only the value itself can tell. */
async function lookedUp({ one, driver }: Call, options: VerifyOptions): Promise<Answered | undefined> {
  const context = driver.manifest.matchesByHash === true ? options.connection?.(driver) : undefined;
  if (context === undefined || driver.match === undefined) return undefined;
  try {
    const { records, grade } = await driver.match(context, { attributes: one.finding.attributes, secret: one.secret });
    const [record] = records;
    if (record === undefined || records.length > 1 || grade !== "confirmed") return undefined;
    const answer = { active: "alive", disabled: "disabled", gone: "invalid" } as const;
    // the record's id is the hash, which is nothing to show
    const tells = record.name === undefined ? {} : { tells: { token: record.name } };
    const server = new URL(context.host).host;
    return { result: { answer: answer[record.state], code: record.state, ...tells }, server, sent: `${server}, by the hash of the value` };
  } catch (error) {
    if (error instanceof HoldError || error instanceof RetryError || error instanceof RefusedError) return undefined;
    throw error;
  }
}

async function askPatiently(call: Call, options: VerifyOptions): Promise<Answered> {
  let asked = { result: await askServers(call, options), attempts: 1 };
  while (asked.result.result.afterMs !== undefined && asked.attempts < limits.attempts && options.signal?.aborted !== true) {
    const wait = asked.result.result.afterMs * asked.attempts;
    if (wait > limits.longestWait) break;
    await options.sleep(wait);
    asked = { result: await askServers(call, options), attempts: asked.attempts + 1 };
  }
  return asked.result;
}

async function askServers({ one, driver, servers, named }: Call, { signal }: VerifyOptions): Promise<Answered> {
  let answered: Answered = { result: { answer: "unknown", code: "no answer" }, server: "" };
  for (const { name, base } of servers) {
    const context: DriverContext = {
      host: base,
      timeout: limits.timeout,
      targets: named ? [name] : [],
      publicOnly: !named,
      ...(signal === undefined ? {} : { signal }),
    };
    answered = { result: await ask(driver, context, one), server: name };
    if (answered.result.answer !== "invalid") break;
  }
  return answered;
}

async function ask(driver: Driver, context: DriverContext, { finding, secret }: Verifiable): Promise<ProbeResult> {
  try {
    return await driver.probe(context, { attributes: finding.attributes, secret });
  } catch (error) {
    if (error instanceof HoldError) return { answer: "unknown", code: error.code };
    if (error instanceof RetryError || error instanceof UnknownOutcomeError || error instanceof RefusedError)
      return { answer: "unknown", code: "no answer" };
    throw error;
  }
}

/** A refusal that may be about the place we ask from, not about the value: MariaDB and MySQL, access denied for this user and host. */
const aboutUs: readonly string[] = ["1045"];

function judged({ driver, named }: Call, { result, server, sent }: Answered, { now }: VerifyOptions): Verified {
  const { answer, code, tells } = result;
  const elsewhere = answer === "invalid" && driver.manifest.issuedElsewhere === true && !named;
  const validity = answer === "alive" ? "active" : answer === "invalid" && !elsewhere && !aboutUs.includes(code) ? "inactive" : "unknown";
  const why = elsewhere
    ? `${code}: refused by ${server}, but other servers issue such values too`
    : answer === "disabled"
      ? `${code}: disabled, which can be taken back`
      : code;
  const [method, path = ""] = driver.manifest.probeCall?.split(" ") ?? [];
  const call = sent ?? [method, server + path].filter(Boolean).join(" ");
  return { validity, verification: { at: now(), call, answer: why, ...(tells === undefined ? {} : { tells }) } };
}
