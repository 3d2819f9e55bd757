import nodeVault from "node-vault";
import type { VaultLogin } from "../driver.ts";
import { RefusedError, RetryError, UnknownOutcomeError } from "../errors.ts";
import { type HttpAnswer, json, pinOf, request, retryAfter } from "../http.ts";
import type { Secret } from "../secret.ts";
import { forgetSession, sessionToken } from "./vault-login.ts";

/**
 * What a Vault or OpenBao answered. `code` is one of our own words, so that no text of the server (which may repeat input)
 * goes on: `permission-denied` is a live token without the right, `dead-token` one that the server does not know (rotation.md 12.1).
 */
export interface VaultAnswer {
  readonly status: number;
  readonly code: "ok" | "absent" | "cas-mismatch" | "invalid-accessor" | "dead-token" | "permission-denied" | "refused";
  readonly body: unknown;
}

/** Only paths: node-vault's named commands swap the client's own token and escape their arguments (rotation.md 12.2). */
export interface VaultClient {
  read(path: string, query?: { version: string }): Promise<VaultAnswer>;
  list(path: string): Promise<VaultAnswer>;
  write(path: string, data: object, options?: { safe?: boolean }): Promise<VaultAnswer>;
  update(path: string, data: object): Promise<VaultAnswer>;
  remove(path: string): Promise<VaultAnswer>;
}

export interface VaultConnection {
  readonly host: string;
  /** A token, or what `login` presents. */
  readonly token: Secret | undefined;
  readonly login?: VaultLogin | undefined;
  /** Milliseconds per call. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A client of one server with one token, or with those that a log-in gives. Throws RetryError (sealed, throttled, unreachable),
 * UnknownOutcomeError (a lost answer or a server error of a write), RefusedError (a plain http host that is not loopback),
 * HoldError("connection-refused") where a log-in is refused.
 */
export function connectVault(connection: VaultConnection): VaultClient {
  const client = nodeVault({
    endpoint: connection.host,
    noCustomHTTPVerbs: true, // LIST as GET ?list=1
    debug: () => undefined, // DEBUG=node-vault would print values
    "request-promise": { defaults: () => (options: Call) => transport(connection, options) },
  });
  // Its defaults read VAULT_TOKEN, VAULT_NAMESPACE and VAULT_PREFIX: a connection has its own token or none.
  const token = connection.login === undefined ? (connection.token?.reveal() ?? "") : "";
  Object.assign(client, { token, namespace: "", pathPrefix: "" });

  return {
    read: async (path, query) => judged(await client.read(escaped(path) + versionQuery(query), { safe: true })),
    list: async (path) => judged(await client.list(escaped(path), { safe: true })),
    write: async (path, data, options) => judged(await client.write(escaped(path), data, { safe: options?.safe ?? false })),
    update: async (path, data) => judged(await client.update(escaped(path), data)),
    remove: async (path) => judged(await client.delete(escaped(path))),
  };
}

/** What node-vault hands to a transport. */
interface Call {
  readonly method: string;
  readonly uri: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: object;
  readonly safe?: boolean;
}

async function transport(connection: VaultConnection, call: Call): Promise<object> {
  const answer = await (connection.login === undefined ? ask(connection, call) : askLoggedIn(connection, connection.login, call));
  if (answer.status === 429 || answer.status >= 500) throw unavailable(answer, call);
  // For node-vault every answer is a success: its error object holds the body, ours a word.
  return { statusCode: 200, body: answer, request: { path: "/" } };
}

/** A token that the server no longer knows did nothing, so the call is sent once more after a new log-in. */
async function askLoggedIn(connection: VaultConnection, login: VaultLogin, call: Call): Promise<HttpAnswer> {
  const session = { host: connection.host, login, credential: connection.token, timeout: connection.timeout };
  const token = await sessionToken(session);
  const answer = await ask(connection, call, token);
  if (judged(answer).code !== "dead-token") return answer;
  await forgetSession(session, token);
  return ask(connection, call, await sessionToken(session));
}

function ask(connection: VaultConnection, call: Call, token?: Secret): Promise<HttpAnswer> {
  return request({
    method: call.method,
    url: call.uri,
    headers: {
      ...(call.json === undefined ? {} : { "content-type": "application/json" }),
      ...call.headers,
      ...(token === undefined ? {} : { "X-Vault-Token": token.reveal() }),
    },
    ...(call.json === undefined ? {} : { body: JSON.stringify(call.json) }),
    pins: [pinOf(connection.host)],
    timeout: connection.timeout,
    maxBytes: 8 << 20,
    ...(call.safe === true ? { safe: true } : {}),
    ...(connection.signal === undefined ? {} : { signal: connection.signal }),
  });
}

function unavailable(answer: HttpAnswer, call: Call): Error {
  const what = answer.status === 503 ? "sealed or in standby" : answer.status === 429 ? "asks to slow down" : "server error";
  const message = `the Vault server answered ${answer.status} (${what})`;
  const unchanged = call.safe === true || call.method === "GET" || answer.status === 503 || answer.status === 429;
  if (unchanged) return new RetryError(message, { afterMs: retryAfter(answer) });
  return new UnknownOutcomeError(`${message} to a write; look what it did before anything else`);
}

function judged(answer: HttpAnswer): VaultAnswer {
  const body = json(answer);
  return { status: answer.status, code: codeOf(answer.status, errorsOf(body)), body };
}

function codeOf(status: number, errors: readonly string[]): VaultAnswer["code"] {
  if (status >= 200 && status < 300) return "ok";
  const has = (text: string) => errors.some((error) => error.includes(text));
  if (status === 404) return "absent";
  if (status === 403) return errors.length === 1 && errors[0] === "permission denied" ? "dead-token" : "permission-denied";
  if (has("check-and-set parameter did not match")) return "cas-mismatch";
  if (has("invalid accessor")) return "invalid-accessor";
  return "refused";
}

function errorsOf(body: unknown): string[] {
  if (typeof body !== "object" || body === null || !("errors" in body) || !Array.isArray(body.errors)) return [];
  return body.errors.filter((error) => typeof error === "string");
}

function versionQuery(query: { version: string } | undefined): string {
  return query === undefined ? "" : `?version=${encodeURIComponent(query.version)}`;
}

/** Each segment percent-encoded. A path comes from configuration, but `..` in it would leave its mount: refused. */
function escaped(path: string): string {
  const segments = path.split("/");
  if (segments.some((segment) => segment === "" || segment === "." || segment === "..")) {
    throw new RefusedError(`'${path}' is not a Vault path; expected segments joined by single slashes, without . and ..`);
  }
  return segments.map(encodeURIComponent).join("/");
}
