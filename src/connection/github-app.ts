import { createPrivateKey, sign } from "node:crypto";
import { HoldError } from "../errors.ts";
import { accept, type HttpAnswer, pinOf, request } from "../http.ts";
import { Secret } from "../secret.ts";

export interface GitHubConnection {
  /** API root: `https://api.github.com`, or `https://HOST/api/v3`. */
  readonly host: string;
  /** `APP_ID` and the App's private key in PEM below it, or a token. */
  readonly credential?: Secret | undefined;
  /** Milliseconds per call. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
}

export interface GitHubScope {
  readonly owner: string;
  /** Absent = the organisation itself. */
  readonly repository?: string;
  /** What the token may do, in GitHub's words: `{ secrets: "write" }`. */
  readonly permissions: Readonly<Record<string, string>>;
}

/**
 * A token for exactly this repository and these permissions, made for an hour by the App that the connection is
 * (https://docs.github.com/rest/apps/apps#create-an-installation-access-token-for-an-app). A connection that holds a token gives that.
 */
export async function tokenFor(connection: GitHubConnection, { owner, repository, permissions }: GitHubScope): Promise<Secret> {
  const app = appOf(connection.credential);
  if (app === undefined) return Secret.from(connection.credential?.reveal().trim() ?? "");
  const bearer = Secret.from(jwtOf(app, Date.now()));
  const what = "looking up the installation of the App";
  const where = repository === undefined ? `/orgs/${owner}` : `/repos/${owner}/${repository}`;
  const found = await callGitHub(connection, bearer, "GET", `${where}/installation`);
  if (found.status === 404)
    throw new HoldError(
      "connection-refused",
      `the App of this connection is not installed on ${owner}/${repository ?? ""}; install it there`,
    );
  const { id } = accept(found, [200], what, true) as { id?: unknown };
  const body = { permissions, ...(repository === undefined ? {} : { repositories: [repository] }) };
  const answer = await callGitHub(connection, bearer, "POST", `/app/installations/${Number(id)}/access_tokens`, body, true);
  if (answer.status === 422) {
    const wanted = Object.entries(permissions).map(([name, level]) => `${name}: ${level}`);
    throw new HoldError("connection-refused", `the App of this connection may not have ${wanted.join(", ")}; give it that permission`);
  }
  const { token } = accept(answer, [201], "making an installation token", true) as { token?: unknown };
  if (typeof token === "string") return Secret.from(token);
  throw new HoldError("unexpected-answer", "GitHub made an installation token, but its answer has none; the API may have changed");
}

/** Permissions of the App, as GitHub lists them; undefined for a connection that holds a token, of which GitHub does not say. */
export async function appPermissions(connection: GitHubConnection): Promise<Readonly<Record<string, string>> | undefined> {
  const app = appOf(connection.credential);
  if (app === undefined) return undefined;
  const answer = await callGitHub(connection, Secret.from(jwtOf(app, Date.now())), "GET", "/app");
  const { permissions } = accept(answer, [200], "asking for the App's permissions", true) as { permissions?: Record<string, string> };
  return permissions ?? {};
}

export function callGitHub(
  connection: GitHubConnection,
  token: Secret,
  method: string,
  path: string,
  body?: object,
  safe = false,
): Promise<HttpAnswer> {
  return request({
    method,
    url: `${connection.host.replace(/\/$/, "")}${path}`,
    headers: {
      accept: "application/vnd.github+json",
      authorization: `Bearer ${token.reveal()}`,
      "x-github-api-version": "2022-11-28",
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    pins: [pinOf(connection.host)],
    timeout: connection.timeout,
    ...(safe ? { safe } : {}),
    ...(connection.signal === undefined ? {} : { signal: connection.signal }),
  });
}

interface App {
  readonly id: string;
  readonly pem: string;
}

function appOf(credential: Secret | undefined): App | undefined {
  const text = credential?.reveal().trim() ?? "";
  if (text === "") throw new HoldError("bad-credential", "this GitHub connection has no credential");
  const [, id, pem] = /^(\d{1,12})\s+(-----BEGIN [A-Z ]*PRIVATE KEY-----.+)$/s.exec(text) ?? [];
  if (id !== undefined && pem !== undefined) return { id, pem };
  if (/^\S+$/.test(text)) return undefined;
  throw new HoldError(
    "bad-credential",
    "the credential of this GitHub connection is neither an App (its id on the first line, the private key in PEM below it) nor a token",
  );
}

/** RS256, valid for nine minutes, set back a minute for clocks that differ (GitHub allows ten). */
function jwtOf({ id, pem }: App, now: number): string {
  const seconds = Math.floor(now / 1000);
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "RS256", typ: "JWT" })}.${part({ iat: seconds - 60, exp: seconds + 480, iss: id })}`;
  try {
    return `${signed}.${sign("sha256", Buffer.from(signed), createPrivateKey(pem)).toString("base64url")}`;
  } catch {
    throw new HoldError(
      "bad-credential",
      "the private key of this GitHub connection's App cannot be read; expected the PEM that GitHub gave",
    );
  }
}
