import { z } from "zod";
import { RefusedError, RetryError } from "../errors.ts";
import type { Finding } from "../finding.ts";
import { type Result, type ScannerOptions, Tally } from "./scanner.ts";

/** A page of up to 100 items of a repository's list (`/issues?state=all`), or undefined where there is no such list. Throws RetryError at a limit. */
export type ListPage = (path: string, page: number) => Promise<readonly unknown[] | undefined>;

export interface GitHubTextOptions extends ScannerOptions {
  readonly list: ListPage;
  /** `host/owner/name`, goes into locators. */
  readonly repository: string;
}

const pageSize = 100;
/** Of one list, and pull requests whose reviews are read; what is more is reported. */
const most = { pages: 1000, pulls: 5000 };

const Text = z.object({
  id: z.number(),
  number: z.number().optional(),
  title: z.string().nullish(),
  body: z.string().nullish(),
  updated_at: z.string().nullish(),
  submitted_at: z.string().nullish(),
  node_id: z.string().nullish(),
  issue_url: z.string().nullish(),
  pull_request_url: z.string().nullish(),
  pull_request: z.unknown().optional(),
});
type Text = z.output<typeof Text>;

/**
 * What people wrote on GitHub about a repository: titles and bodies of issues and pull requests, their comments, reviews and notes on
 * lines. Reads lists only. Former versions of an edited text are not in them. Paths say where: `issues/12/comments/345`.
 */
export async function scanGitHubText(options: GitHubTextOptions): Promise<Result> {
  const tally = new Tally(options);
  const findings: Finding[] = [];
  const pulls: number[] = [];
  const read = (text: Text, path: string) => findings.push(...readText(text, path, options.repository, tally));
  try {
    for await (const issue of all("/issues?state=all", options.list, tally)) {
      const kind = issue.pull_request === undefined ? "issues" : "pulls";
      if (kind === "pulls" && issue.number !== undefined) pulls.push(issue.number);
      read(issue, `${kind}/${issue.number ?? issue.id}`);
    }
    for await (const comment of all("/issues/comments", options.list, tally))
      read(comment, `issues/${numberOf(comment.issue_url)}/comments/${comment.id}`);
    for await (const note of all("/pulls/comments", options.list, tally))
      read(note, `pulls/${numberOf(note.pull_request_url)}/comments/${note.id}`);
    if (pulls.length > most.pulls) tally.skip("pulls", `reviews of ${pulls.length - most.pulls} older pull requests were not read`, true);
    for (const pull of pulls.slice(0, most.pulls))
      for await (const review of all(`/pulls/${pull}/reviews`, options.list, tally)) read(review, `pulls/${pull}/reviews/${review.id}`);
  } catch (error) {
    if (!(error instanceof RetryError || error instanceof RefusedError) || tally.stats().files === 0) throw error;
    tally.skip(".", `${error.message}: the rest was not read`, true);
  }
  return { findings, stats: tally.stats() };
}

async function* all(path: string, list: ListPage, tally: Tally): AsyncGenerator<Text> {
  for (let page = 1; page <= most.pages; page++) {
    const items = (await list(path, page)) ?? [];
    for (const item of items) {
      const text = Text.safeParse(item);
      if (text.success) yield text.data;
      else tally.skip(path, "an entry has not the form that GitHub documents: not read", true);
    }
    if (items.length < pageSize) return;
  }
  tally.skip(path, `more than ${most.pages * pageSize} entries: the rest was not read`, true);
}

/** Title and body as one text, as a person sees them. */
function readText(text: Text, path: string, repository: string, tally: Tally): Finding[] {
  const said = [text.title ?? "", text.body ?? ""].filter((part) => part !== "").join("\n\n");
  if (said === "") return [];
  const date = text.updated_at ?? text.submitted_at ?? undefined;
  const node = text.node_id ?? String(text.id);
  const origin = { kind: "github-text" as const, path, repository, node, ...(date === undefined ? {} : { date }) };
  return tally.read({ bytes: Buffer.from(said), origin });
}

function numberOf(url: string | null | undefined): string {
  return /\/(\d+)$/.exec(url ?? "")?.[1] ?? "unknown";
}
