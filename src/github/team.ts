import { z } from "zod";
import { RefusedError } from "../errors.ts";
import { call, type RepositoryClient } from "./client.ts";

const Members = z.array(z.object({ login: z.string() }));

/**
 * The people behind owners such as `@user` and `@org/team`, asked now. A team that cannot be read gives nobody: who may approve is
 * never guessed. An e-mail address is no account.
 */
export async function peopleOf(repository: RepositoryClient | undefined, owners: readonly string[]): Promise<string[]> {
  const people: string[] = [];
  for (const owner of owners.map((name) => name.replace(/^@/, ""))) {
    const [org, team, ...rest] = owner.split("/");
    if (org === undefined || rest.length > 0 || owner.includes("@")) continue;
    if (team === undefined) people.push(org);
    else if (repository !== undefined) people.push(...(await membersOf(repository, org, team)));
  }
  return people;
}

/** All pages, or nobody. */
async function membersOf(repository: RepositoryClient, org: string, team: string): Promise<string[]> {
  const members: string[] = [];
  for (let page = 1; page <= 20; page++) {
    let body: unknown;
    try {
      body = await call(repository, "GET /orgs/{org}/teams/{team_slug}/members", { org, team_slug: team, per_page: 100, page });
    } catch (error) {
      if (error instanceof RefusedError) return [];
      throw error;
    }
    const parsed = Members.safeParse(body);
    if (!parsed.success) return [];
    members.push(...parsed.data.map(({ login }) => login));
    if (parsed.data.length < 100) return members;
  }
  return [];
}
