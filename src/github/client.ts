import { z } from "zod";
import { RefusedError, RetryError } from "../errors.ts";

/** The one method of Octokit that we use: routes are GitHub's own templates. */
export interface GitHubClient {
  request(
    route: string,
    parameters?: Record<string, unknown>,
  ): Promise<{
    data: unknown;
    status: number;
    headers?: Record<string, unknown>;
  }>;
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
    const wait = retryAfter(error);
    if (wait !== undefined) throw new RetryError(`GitHub asked to wait with ${route} (${status})`, { afterMs: wait, cause: undefined });
    if (status === 401 || status === 403) throw new RefusedError(`GitHub refused ${route} (${status}): check the App's permissions`);
    if (status === 422) throw new RefusedError(`GitHub did not take ${route} (422)`);
    throw new RetryError(`GitHub did not answer ${route} (${status || "no connection"})`, { cause: undefined });
  }
}

/** A limit answers 403 or 429 and says when to come back; a missing permission says nothing. Milliseconds, at most an hour. */
function retryAfter(error: unknown): number | undefined {
  const headers = Limited.safeParse(error).data?.response.headers;
  if (headers === undefined) return undefined;
  const seconds = Number(headers["retry-after"]);
  const reset = headers["x-ratelimit-remaining"] === "0" ? Number(headers["x-ratelimit-reset"]) * 1000 - Date.now() : Number.NaN;
  const wait = Number.isNaN(seconds) ? reset : seconds * 1000;
  return Number.isNaN(wait) ? undefined : Math.min(Math.max(wait, 1000), 3_600_000);
}

const Limited = z.object({
  response: z.object({
    headers: z.object({
      "retry-after": z.string().optional(),
      "x-ratelimit-remaining": z.string().optional(),
      "x-ratelimit-reset": z.string().optional(),
    }),
  }),
});
