import { z } from "zod";
import { RefusedError } from "../errors.ts";
import { type HttpAnswer, json, pinOf, request } from "../http.ts";
import { Secret } from "../secret.ts";

/** The App's own client for user authorization (`Generate a new client secret` in its settings). */
export interface GitHubClientConfig {
  /** `https://api.github.com` */
  readonly api: string;
  /** `https://github.com` */
  readonly web: string;
  readonly clientId: string;
  readonly clientSecret: Secret;
}

/** A person as GitHub says, with the repositories that both they and the App may read. */
export interface GitHubPerson {
  readonly login: string;
  /** Full names. */
  readonly repositories: readonly string[];
  /** May push to one of them. */
  readonly writes: boolean;
  /** Owns one of the organisations that the App is installed in. */
  readonly owner: boolean;
}

const timeout = 15_000;
const mostPages = 50;
const Token = z.object({ access_token: z.string().min(1), token_type: z.string() });
const User = z.object({ login: z.string(), type: z.string() });
const Installations = z.object({
  installations: z.array(z.object({ id: z.number(), account: z.object({ login: z.string(), type: z.string() }) })),
});
const Repositories = z.object({
  repositories: z.array(z.object({ full_name: z.string(), permissions: z.object({ push: z.boolean() }).optional() })),
});
const Membership = z.object({ role: z.string(), state: z.string() });

/** Where the browser is sent: authorization code with PKCE S256 (github.blog changelog 2025-07-14). */
export function authorizationUrl(
  { web, clientId }: GitHubClientConfig,
  flow: { state: string; challenge: string; callback: string; fresh: boolean },
): string {
  const url = new URL(`${web}/login/oauth/authorize`);
  url.searchParams.set("client_id", clientId);
  url.searchParams.set("redirect_uri", flow.callback);
  url.searchParams.set("state", flow.state);
  url.searchParams.set("code_challenge", flow.challenge);
  url.searchParams.set("code_challenge_method", "S256");
  if (flow.fresh) url.searchParams.set("prompt", "select_account");
  return url.href;
}

/** Exchanges the code. Throws RefusedError where GitHub does not give a token for it. */
export async function userToken(
  { web, clientId, clientSecret }: GitHubClientConfig,
  { code, verifier, callback }: { code: string; verifier: string; callback: string },
): Promise<Secret> {
  const answer = await request({
    method: "POST",
    url: `${web}/login/oauth/access_token`,
    headers: { accept: "application/json", "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({
      client_id: clientId,
      client_secret: clientSecret.reveal(),
      code,
      redirect_uri: callback,
      code_verifier: verifier,
    }).toString(),
    pins: [pinOf(web)],
    timeout,
  });
  const token = Token.safeParse(json(answer));
  if (!token.success) throw new RefusedError("GitHub gave no token for this login; begin again");
  return Secret.from(token.data.access_token);
}

/** Who the token belongs to, and what they may see. Undefined where the token is no longer good, or no person's. */
export async function personOf({ api }: GitHubClientConfig, token: Secret): Promise<GitHubPerson | undefined> {
  const get = (path: string) => ask(api, path, token);
  const user = User.safeParse(json(await get("/user")));
  if (!user.success || user.data.type !== "User") return undefined;
  const { login } = user.data;
  const repositories: string[] = [];
  let writes = false;
  let owner = false;
  for (const { id, account } of (await pages(get, "/user/installations", Installations)).flatMap(({ installations }) => installations)) {
    for (const { full_name, permissions } of (await pages(get, `/user/installations/${id}/repositories`, Repositories)).flatMap(
      (page) => page.repositories,
    )) {
      repositories.push(full_name);
      writes ||= permissions?.push ?? false;
    }
    const membership =
      account.type === "Organization" ? Membership.safeParse(json(await get(`/user/memberships/orgs/${account.login}`))) : undefined;
    owner ||= membership?.success === true && membership.data.role === "admin" && membership.data.state === "active";
    owner ||= account.login.toLowerCase() === login.toLowerCase();
  }
  return { login, repositories, writes, owner };
}

/** All pages, or RefusedError: half a list would hide incidents without a word. */
async function pages<S extends z.ZodType>(get: (path: string) => Promise<HttpAnswer>, path: string, schema: S): Promise<z.output<S>[]> {
  const read: z.output<S>[] = [];
  for (let page = 1; page <= mostPages; page++) {
    const parsed = schema.safeParse(json(await get(`${path}?per_page=100&page=${page}`)));
    if (!parsed.success) throw new RefusedError("GitHub did not say which repositories this person may see; try again");
    read.push(parsed.data);
    const [list] = Object.values(parsed.data as Record<string, unknown[]>);
    if ((list?.length ?? 0) < 100) return read;
  }
  throw new RefusedError(
    `GitHub lists more than ${mostPages * 100} repositories for this person, which is more than can be checked at a login`,
  );
}

function ask(api: string, path: string, token: Secret): Promise<HttpAnswer> {
  return request({
    method: "GET",
    url: `${api}${path}`,
    headers: { accept: "application/vnd.github+json", authorization: `Bearer ${token.reveal()}`, "x-github-api-version": "2022-11-28" },
    pins: [pinOf(api)],
    timeout,
    maxBytes: 16 << 20,
  });
}
