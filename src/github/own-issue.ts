import { z } from "zod";
import { call, type RepositoryClient } from "./client.ts";

const Issues = z.array(z.object({ number: z.number(), body: z.string().nullish(), performed_via_github_app: z.object({}).nullish() }));

/**
 * The newest issue of ours that begins with this marker: one whose number a crash or a lost answer left unknown. Looks at the hundred newest;
 * undefined where it is not among them.
 */
export async function findOwnIssue(client: RepositoryClient, marker: string): Promise<number | undefined> {
  const query = { state: "all", sort: "created", direction: "desc", per_page: 100 };
  const listed = Issues.safeParse(await call(client, "GET /repos/{owner}/{repo}/issues", query));
  if (!listed.success) return undefined;
  return listed.data.find(({ body, performed_via_github_app: app }) => app != null && body?.startsWith(marker) === true)?.number;
}
