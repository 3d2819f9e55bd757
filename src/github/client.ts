import { RefusedError, RetryError } from "../errors.ts";

/** The one method of Octokit that we use: routes are GitHub's own templates. */
export interface GitHubClient {
  request(route: string, parameters?: Record<string, unknown>): Promise<{ data: unknown; status: number }>;
}

/** A repository and the client of its installation. */
export interface RepositoryClient {
  readonly client: GitHubClient;
  readonly owner: string;
  readonly repo: string;
}

/** Calls GitHub; undefined for 404. Throws RetryError for limits and outages, RefusedError for a missing permission. Never a body in a message. */
export async function call(repository: RepositoryClient, route: string, parameters: Record<string, unknown> = {}): Promise<unknown> {
  try {
    const { data } = await repository.client.request(route, { owner: repository.owner, repo: repository.repo, ...parameters });
    return data;
  } catch (error) {
    const status = typeof error === "object" && error !== null && "status" in error ? Number(error.status) : 0;
    if (status === 404) return undefined;
    if (status === 401 || status === 403) throw new RefusedError(`GitHub refused ${route} (${status}): check the App's permissions`);
    if (status === 422) throw new RefusedError(`GitHub did not take ${route} (422)`);
    throw new RetryError(`GitHub did not answer ${route} (${status || "no connection"})`, { cause: undefined });
  }
}
