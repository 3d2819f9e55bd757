import { createHash } from "node:crypto";
import { z } from "zod";
import type { VaultLogin } from "../driver.ts";
import { HoldError, RetryError, UnknownOutcomeError } from "../errors.ts";
import { type HttpAnswer, json, pinOf, request, retryAfter } from "../http.ts";
import { Secret } from "../secret.ts";

/** A server, how to log in there, and what the log-in presents: a secret ID, or the JWT of a workload. */
export interface VaultLoginConnection {
  readonly host: string;
  readonly login: VaultLogin;
  readonly credential: Secret | undefined;
  /** Milliseconds per call. */
  readonly timeout: number;
}

/** A token that we logged in for. */
interface Session {
  readonly token: Secret;
  readonly renewable: boolean;
  /** How long it was given when we logged in, milliseconds; 0 = it never expires. */
  readonly full: number;
  /** When a third of it is left, and when nothing is, milliseconds of our clock. */
  readonly renewAt: number;
  readonly endsAt: number;
}

/** By host, log-in and what it presents: a workload's JWT changes, and then so does the session. In memory only. */
const sessions = new Map<string, Promise<Session>>();

/**
 * A token of the session of this connection: the one that is there, renewed when a third of its life is left, else by a new log-in.
 * Throws HoldError("connection-refused") where the server refuses the log-in, RetryError where it did not answer.
 */
export async function sessionToken(connection: VaultLoginConnection): Promise<Secret> {
  const name = nameOf(connection);
  const known = sessions.get(name);
  const session = await known?.catch(() => undefined);
  if (session !== undefined && Date.now() < session.renewAt) return session.token;
  if (sessions.get(name) !== known) return sessionToken(connection); // another call was faster
  const next = session === undefined ? logIn(connection) : renewed(connection, session);
  sessions.set(name, next);
  next.catch(() => sessions.get(name) === next && sessions.delete(name));
  return (await next).token;
}

/** The server does not know this token any more: it was revoked, used up, or the server lost it. */
export function forgetSession(connection: VaultLoginConnection, token: Secret): Promise<void> {
  const name = nameOf(connection);
  const known = sessions.get(name);
  return Promise.resolve(known).then(
    (session) => {
      if (session?.token.reveal() === token.reveal() && sessions.get(name) === known) sessions.delete(name);
    },
    () => undefined,
  );
}

function nameOf({ host, login, credential }: VaultLoginConnection): string {
  const presented = createHash("sha256")
    .update(credential?.reveal() ?? "")
    .digest("base64url");
  return [host, login.method, login.mount, login.role, presented].join(" ");
}

const Auth = z.object({ auth: z.object({ client_token: z.string().min(1), lease_duration: z.number(), renewable: z.boolean() }) });

/** What each method is called and takes; https://openbao.org/api-docs/auth/approle/, …/kubernetes/, …/jwt/. */
const methods = {
  approle: { name: "AppRole", body: (role: string, secret_id: string) => ({ role_id: role, secret_id }) },
  kubernetes: { name: "Kubernetes", body: (role: string, jwt: string) => ({ role, jwt }) },
  jwt: { name: "JWT", body: (role: string, jwt: string) => ({ role, jwt }) },
} as const;

async function logIn(connection: VaultLoginConnection): Promise<Session> {
  const { login, credential } = connection;
  const { name, body } = methods[login.method];
  const answer = await post(connection, `auth/${login.mount}/login`, body(login.role, credential?.reveal().trim() ?? ""));
  const given = Auth.safeParse(json(answer));
  if (answer.status === 200 && given.success) return sessionOf(given.data);
  throw new HoldError(
    "connection-refused",
    `the server refused the ${name} log-in of this connection at auth/${login.mount} (${answer.status}); check its role and its credential, and whether that has expired or is used up`,
  );
}

/** The same token for longer, or a new log-in where the server gives it no more than half of what it had (its max_ttl is near). */
async function renewed(connection: VaultLoginConnection, session: Session): Promise<Session> {
  if (!session.renewable || Date.now() >= session.endsAt) return logIn(connection);
  const answer = await post(connection, "auth/token/renew-self", {}, session.token);
  const given = Auth.safeParse(json(answer));
  if (answer.status !== 200 || !given.success) return logIn(connection);
  const next = sessionOf(given.data);
  return next.full === 0 || next.full >= session.full / 2 ? { ...next, full: session.full } : logIn(connection);
}

function sessionOf({ auth: { client_token, lease_duration, renewable } }: z.output<typeof Auth>): Session {
  const full = lease_duration * 1000;
  const [renewAt, endsAt] = full === 0 ? [Infinity, Infinity] : [Date.now() + (full * 2) / 3, Date.now() + full];
  return { token: Secret.from(client_token), renewable, full, renewAt, endsAt };
}

/** A log-in whose answer is lost leaves a token that ends by itself: it may be sent again. */
async function post({ host, timeout }: VaultLoginConnection, path: string, body: object, token?: Secret): Promise<HttpAnswer> {
  const answer = await request({
    method: "POST",
    url: `${host.replace(/\/$/, "")}/v1/${path}`,
    headers: { "content-type": "application/json", ...(token === undefined ? {} : { "x-vault-token": token.reveal() }) },
    body: JSON.stringify(body),
    pins: [pinOf(host)],
    timeout,
    safe: true,
  }).catch((error: unknown) => {
    if (error instanceof UnknownOutcomeError) throw new RetryError("the Vault server did not answer a log-in", { cause: error });
    throw error;
  });
  if (answer.status === 429 || answer.status >= 500)
    throw new RetryError(`the Vault server answered ${answer.status} to a log-in`, { afterMs: retryAfter(answer) });
  return answer;
}
