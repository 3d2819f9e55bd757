import { UsageError } from "../errors.ts";
import { call, type GitHubClient } from "../github/client.ts";
import { pinOf, request } from "../http.ts";
import type { ListPage } from "../source/github-text.ts";

/** Where GitHub's API is, and with whose token it is asked. Without a token GitHub gives 60 answers an hour. */
export interface GitHubAccess {
  readonly api: string;
  readonly token: string | undefined;
}

/** `GITHUB_API_URL` as in Actions, `GH_TOKEN` or `GITHUB_TOKEN`. */
export function gitHubAccess(environment: NodeJS.ProcessEnv): GitHubAccess {
  return {
    api: (environment["GITHUB_API_URL"] || "https://api.github.com").replace(/\/+$/, ""),
    token: environment["GH_TOKEN"] || environment["GITHUB_TOKEN"] || undefined,
  };
}

/** `owner/name`, also as the address of its page. Throws UsageError. */
export function parseRepository(text: string): { owner: string; repo: string } {
  const [, owner, repo] = /^(?:https:\/\/[\w.-]+(?::\d+)?\/)?(\w[\w.-]{0,99})\/(\w[\w.-]{0,99}?|\.github)(?:\.git)?\/?$/.exec(text) ?? [];
  if (owner === undefined || repo === undefined) throw new UsageError(`expected a repository on GitHub, owner/name, got '${text}'`);
  return { owner, repo };
}

/** Scope of contracts.md §2: the host of the web, not of the API. */
export function scopeOfRepository({ api }: GitHubAccess, { owner, repo }: { owner: string; repo: string }): string {
  return `${new URL(api).host.replace(/^api\./, "")}/${owner}/${repo}`.toLowerCase();
}

/** Lists of one repository over Rekey's own client: one pinned host, no redirect followed. */
export function repositoryLists(access: GitHubAccess, { owner, repo }: { owner: string; repo: string }): ListPage {
  const client = restClient(access);
  return async (path, page) => {
    const [route = "", query = ""] = path.split("?");
    const parameters = { ...Object.fromEntries(new URLSearchParams(query)), per_page: 100, page };
    const found = await call({ client, owner, repo }, `GET /repos/{owner}/{repo}${route}`, parameters);
    if (found === undefined && route === "/issues")
      throw new UsageError(`GitHub knows no repository ${owner}/${repo}, or the token may not read it (GH_TOKEN or GITHUB_TOKEN)`);
    return Array.isArray(found) ? found : undefined;
  };
}

/** GET of GitHub's own route templates. A failed answer is an error with `status` and the headers that say when to come back. */
function restClient({ api, token }: GitHubAccess): GitHubClient {
  const authorization: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return {
    async request(route, parameters = {}) {
      const rest = { ...parameters };
      const path = route.replace(/^GET /, "").replace(/\{(\w+)\}/g, (_, name) => {
        const value = encodeURIComponent(String(rest[name]));
        delete rest[name];
        return value;
      });
      const query = new URLSearchParams(Object.entries(rest).map(([name, value]): [string, string] => [name, String(value)]));
      const headers = { accept: "application/vnd.github+json", "x-github-api-version": "2022-11-28", ...authorization };
      const url = `${api}${path}?${query}`;
      const {
        status,
        body,
        headers: given,
      } = await request({ method: "GET", url, headers, pins: [pinOf(api)], timeout: 30_000, maxBytes: 32 << 20 });
      if (status >= 300) throw Object.assign(new Error(`GitHub answered ${status}`), { status, response: { headers: given } });
      return { data: JSON.parse(body.toString("utf8")), status };
    },
  };
}
