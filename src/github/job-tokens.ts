import { z } from "zod";
import { RefusedError, RetryError } from "../errors.ts";
import type { GitHubClient } from "./client.ts";
import { type Job, permissionsFor } from "./job-token.ts";

export interface JobToken {
  readonly token: string;
  readonly client: GitHubClient;
}

interface Of {
  readonly installation: number;
  readonly id: number;
}

const Token = z.object({ token: z.string().min(1), expires_at: z.string() });
const Installations = z.array(z.object({ id: z.number(), permissions: z.record(z.string(), z.string()) }));

const minute = 60_000;
/** How long it is believed what an installation may do; an event says sooner when that changes. */
const grantsLast = 10 * minute;
/** So many are kept; the oldest are made anew. */
const most = 5000;

/**
 * Installation tokens for one repository and the permissions of one job each (`POST /app/installations/{id}/access_tokens` with
 * `repository_ids` and `permissions`), kept until shortly before they end (an hour). Never logged, never stored.
 */
export function jobTokens(make: { app: () => Promise<GitHubClient>; client: (installation: number, token: string) => GitHubClient }): {
  of(of: Of, job: Job): Promise<JobToken>;
  forget(installation: number): void;
} {
  const kept = new Map<string, { made: Promise<JobToken & { until: number }>; installation: number }>();
  let grants: { at: number; known: Promise<ReadonlyMap<number, Readonly<Record<string, string>>>> } | undefined;

  const granted = async (installation: number) => {
    if (grants === undefined || Date.now() - grants.at > grantsLast) grants = { at: Date.now(), known: readGrants(make.app) };
    try {
      return (await grants.known).get(installation) ?? {};
    } catch (error) {
      grants = undefined;
      throw error;
    }
  };

  async function create({ installation, id }: Of, job: Job): Promise<JobToken & { until: number }> {
    const app = await make.app();
    for (let attempt = 0; ; attempt++) {
      const permissions = permissionsFor(job, await granted(installation));
      try {
        const { data } = await app.request("POST /app/installations/{installation_id}/access_tokens", {
          installation_id: installation,
          repository_ids: [id],
          permissions,
        });
        const { token, expires_at } = Token.parse(data);
        return { token, client: make.client(installation, token), until: Date.parse(expires_at) - 5 * minute };
      } catch (error) {
        const status = statusOf(error);
        // it may do less than was believed, or has the repository no longer
        if (status === 422 && attempt === 0) grants = undefined;
        else if (status === 422 || status === 404 || status === 403)
          throw new RefusedError(
            `GitHub gave no token for a repository of installation ${installation} (${status}): is the App installed there?`,
          );
        else
          throw new RetryError(`GitHub gave no token for installation ${installation} (${status ?? "no connection"})`, {
            cause: undefined,
          });
      }
    }
  }

  return {
    async of(of, job) {
      const key = `${of.installation}/${of.id}/${job}`;
      const before = kept.get(key);
      if (before !== undefined) {
        const token = await before.made;
        if (token.until > Date.now()) return token;
        if (kept.get(key) === before) kept.delete(key);
      }
      const running = kept.get(key)?.made;
      if (running !== undefined) return running;
      const made = create(of, job);
      kept.set(key, { made, installation: of.installation });
      made.catch(() => kept.delete(key));
      const [oldest] = kept.keys();
      if (kept.size > most && oldest !== undefined) kept.delete(oldest);
      return made;
    },
    forget(installation) {
      grants = undefined;
      for (const [key, { installation: of }] of kept) if (of === installation) kept.delete(key);
    },
  };
}

async function readGrants(app: () => Promise<GitHubClient>): Promise<ReadonlyMap<number, Readonly<Record<string, string>>>> {
  const all = new Map<number, Readonly<Record<string, string>>>();
  for (let page = 1; page <= 100; page++) {
    const listed = Installations.parse((await (await app()).request("GET /app/installations", { per_page: 100, page })).data);
    for (const { id, permissions } of listed) all.set(id, permissions);
    if (listed.length < 100) break;
  }
  return all;
}

function statusOf(error: unknown): number | undefined {
  return typeof error === "object" && error !== null && "status" in error && typeof error.status === "number" ? error.status : undefined;
}
