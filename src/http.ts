import { lookup as resolve } from "node:dns";
import http from "node:http";
import https from "node:https";
import { BlockList, isIPv6, type LookupFunction } from "node:net";
import type { z } from "zod";
import { HoldError, RefusedError, RetryError, UnknownOutcomeError } from "./errors.ts";

/**
 * The only way out over HTTP (contracts.md §11). Every call names the hosts that it may reach; nothing follows a redirect or an
 * environment's proxy; each call has a connection of its own, so that we know whether anything was sent. An error names the host
 * and never a path, a query, a header or a body: some vendors take a key only in the URL.
 */

/** `host` (https on 443) or `host:port`. Plain http is spoken only to a loopback address that is pinned with its port. */
export type Pins = readonly string[];

export interface HttpRequest {
  readonly method: string;
  readonly url: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly pins: Pins;
  /** Milliseconds for the whole call. */
  readonly timeout: number;
  /** Certificate authority in PEM, instead of the system's. */
  readonly ca?: string;
  /** A longer answer is an error, not cut. Bytes, 1 MiB unless given. */
  readonly maxBytes?: number;
  /** Whether the call changes nothing, so that a lost answer may simply be asked for again. GET, HEAD and OPTIONS by themselves. */
  readonly safe?: boolean;
  readonly signal?: AbortSignal;
  /** HoldError("private-address") where a name leads into a private network, as behind a captive portal. */
  readonly publicOnly?: boolean | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  /** Names in lower case; several of one name are joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/**
 * One call, any status. Throws RefusedError for a host that is not pinned, RetryError when nothing was sent (or the call was safe),
 * UnknownOutcomeError when it was sent and the answer is missing, HoldError("redirected") for a redirect.
 */
export function request(call: HttpRequest): Promise<HttpAnswer> {
  const url = pinned(call.url, call.pins);
  const safe = call.safe ?? ["GET", "HEAD", "OPTIONS"].includes(call.method);
  const maxBytes = call.maxBytes ?? 1 << 20;

  return new Promise((done, reject) => {
    let sent = false;
    let settled = false;
    const outgoing = (url.protocol === "https:" ? https : http).request(url, {
      method: call.method,
      headers: { "user-agent": "rekey", ...call.headers, ...contentLength(call.body) },
      agent: false, // a fresh connection: a kept one can be closed under a request that may or may not have arrived
      ...(url.protocol === "https:" ? { rejectUnauthorized: true, ...(call.ca === undefined ? {} : { ca: call.ca }) } : {}), // whatever NODE_TLS_REJECT_UNAUTHORIZED says
      ...(call.publicOnly === true ? { lookup: publicLookup } : {}),
    });
    const timer = setTimeout(() => fail(`no answer within ${call.timeout} ms`), call.timeout);
    const abort = () => fail("cancelled");
    const settle = () => {
      settled = true;
      clearTimeout(timer);
      call.signal?.removeEventListener("abort", abort);
    };
    const fail = (problem: string) => {
      if (settled) return;
      settle();
      outgoing.destroy();
      const message = `${call.method} ${url.host}: ${problem}`;
      if (safe || !sent) reject(new RetryError(`${message}; nothing was changed`));
      else reject(new UnknownOutcomeError(`${message}; the request was sent, so look what it did before anything else`));
    };
    const stop = (error: Error) => {
      settle();
      outgoing.destroy();
      reject(error);
    };

    outgoing.once("socket", (socket) => {
      socket.once(url.protocol === "https:" ? "secureConnect" : "connect", () => {
        sent = true;
      });
    });
    outgoing.on("error", (error) => {
      if (codeOf(error) !== privateAddress) return fail(codeOf(error));
      stop(new HoldError("private-address", `${call.method} ${url.host}: the name leads into a private network, so it was not called`));
    });
    if (call.signal?.aborted) return fail("cancelled");
    call.signal?.addEventListener("abort", abort, { once: true });
    outgoing.once("response", (incoming) => {
      const status = incoming.statusCode ?? 0;
      if ([301, 302, 303, 307, 308].includes(status)) {
        return stop(
          new HoldError("redirected", `${call.method} ${url.host}: answered with a redirect (${status}), which is never followed`),
        );
      }
      const chunks: Buffer[] = [];
      let bytes = 0;
      incoming.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > maxBytes) return fail(`an answer of more than ${maxBytes} bytes`);
        chunks.push(chunk);
      });
      incoming.once("aborted", () => fail("the answer broke off"));
      incoming.on("error", (error) => fail(codeOf(error)));
      incoming.once("end", () => {
        if (settled) return;
        if (!incoming.complete) return fail("the answer broke off");
        settle();
        done({ status, headers: flat(incoming.headers), body: Buffer.concat(chunks) });
      });
    });
    outgoing.end(call.body);
  });
}

/** `host:port` of a base URL, for use as a pin. */
export function pinOf(url: string | URL): string {
  const { protocol, hostname, port } = new URL(url);
  return `${hostname}:${port === "" ? (protocol === "https:" ? 443 : 80) : port}`;
}

/**
 * The parsed JSON of an answer whose status is expected. Otherwise throws what the status means for a caller: RetryError for 429 and
 * a 503 that names a time, HoldError for a refusal (401, 403, other 4xx), UnknownOutcomeError for a server error after a change was
 * asked for, RetryError for one after a read. `what` is a static phrase such as "listing OpenRouter keys".
 */
export function accept(answer: HttpAnswer, expected: readonly number[], what: string, safe = false): unknown {
  if (expected.includes(answer.status)) return json(answer);
  const message = `${what}: expected status ${expected.join(" or ")}, got ${answer.status}`;
  const afterMs = retryAfter(answer);
  if (answer.status === 429 || (answer.status === 503 && afterMs !== undefined)) throw new RetryError(message, { afterMs });
  if (answer.status >= 500) {
    if (safe) throw new RetryError(message, { afterMs });
    throw new UnknownOutcomeError(`${message}; look what it did before anything else`);
  }
  if (answer.status === 401 || answer.status === 403) {
    throw new HoldError("connection-refused", `${message}; check the credential of this connection and its rights`);
  }
  throw new HoldError("unexpected-answer", `${message}; the vendor's API may have changed`);
}

/** The answer's body as JSON; `undefined` where it is none (an empty body, an HTML page). */
export function json(answer: HttpAnswer): unknown {
  try {
    return JSON.parse(answer.body.toString("utf8"));
  } catch {
    return undefined;
  }
}

/** The two or three fields that we read of an answer (style.md 11); HoldError where they are missing, without the body. */
export function shaped<Schema extends z.ZodType>(schema: Schema, body: unknown, what: string): z.output<Schema> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const place = parsed.error.issues[0]?.path.join(".") ?? "";
  throw new HoldError("unexpected-answer", `${what}: the answer lacks or misshapes '${place}'; the vendor's API may have changed`);
}

/** `Retry-After` in milliseconds, from seconds or a date; at most one hour. */
export function retryAfter(answer: HttpAnswer, now: number = Date.now()): number | undefined {
  const value = answer.headers["retry-after"];
  if (value === undefined) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), 3_600_000) : undefined;
}

/** `fetch` for Octokit: the same pins and limits, and `Response` for an answer. `maxBytes` is 16 MiB unless given. */
export function pinnedFetch(pins: Pins, options: { timeout?: number; maxBytes?: number } = {}): typeof globalThis.fetch {
  return async (input, init = {}) => {
    const source = input instanceof Request ? input : new Request(input, init);
    const body = source.body === null ? undefined : new Uint8Array(await source.arrayBuffer());
    const answer = await request({
      method: source.method,
      url: source.url,
      headers: Object.fromEntries(source.headers),
      ...(body === undefined ? {} : { body }),
      pins,
      timeout: options.timeout ?? 30_000,
      maxBytes: options.maxBytes ?? 16 << 20,
      signal: source.signal,
    });
    const empty = [204, 205, 304].includes(answer.status);
    return new Response(empty ? null : new Uint8Array(answer.body), { status: answer.status, headers: answer.headers });
  };
}

/** The URL, if it may be called: exactly a pinned host and port, and https unless the pin is a loopback address with its port. */
function pinned(given: string | URL, pins: Pins): URL {
  let url: URL;
  try {
    url = new URL(given);
  } catch {
    throw new RefusedError("a call to something that is not a URL was refused; expected https://host/…");
  }
  const port = url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port;
  const withPort = pins.includes(`${url.hostname}:${port}`);
  if (!withPort && !(pins.includes(url.hostname) && port === "443")) {
    throw new RefusedError(`${url.host} is not a pinned host; name it under connections or targets in rekey.yml if it should be`);
  }
  const plain = url.protocol === "http:" && withPort && isLoopback(url.hostname);
  if (url.protocol !== "https:" && !plain) {
    throw new RefusedError(`${url.host}: only https, or plain http to a loopback address that rekey.yml names`);
  }
  if (url.username !== "" || url.password !== "")
    throw new RefusedError(`${url.host}: a URL with a user or password in it is never called`);
  return url;
}

const privateAddress = "EPRIVATE";

/** As the system resolves, but a name that leads into a private network leads nowhere. */
const publicLookup: LookupFunction = (hostname, options, callback) => {
  resolve(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, []);
    const [first] = addresses;
    if (first === undefined || addresses.some(({ address }) => isPrivate(address)))
      return callback(Object.assign(new Error("private address"), { code: privateAddress }), []);
    if (options.all === true) callback(null, addresses);
    else callback(null, first.address, first.family);
  });
};

/** IANA's special-purpose registries (RFC 6890): this network, private, shared, loopback, link-local, benchmarks, multicast, reserved. */
const unroutable = new BlockList();
for (const range of [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "224.0.0.0/3",
  "::/127",
  "fc00::/7",
  "fe80::/10",
  "ff00::/8",
]) {
  const [network = "", bits] = range.split("/");
  unroutable.addSubnet(network, Number(bits), isIPv6(network) ? "ipv6" : "ipv4");
}

function isPrivate(address: string): boolean {
  return unroutable.check(address, isIPv6(address) ? "ipv6" : "ipv4");
}

export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || hostname === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}

function contentLength(body: string | Uint8Array | undefined): Record<string, string> {
  return body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
}

/** Node's own error codes are safe to show; its messages can hold a path. */
function codeOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : "connection failed";
}

function flat(headers: http.IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(", ") : value]],
    ),
  );
}
