import type { Context, Hono } from "hono";
import { gitText } from "../../git.ts";
import { type Issue, type Repository, type State, timestamp } from "./state.ts";
import { pageOf } from "./text.ts";

type Handler = (context: Context, repository: Repository, who: { readonly kind: "user" | "app" }) => Response | Promise<Response>;
type Route = (role: "read" | "write", handler: Handler) => (context: Context) => Promise<Response>;

/** Issues, and the commits of a path with the accounts behind their addresses. */
export function issueRoutes(api: Hono, state: State, base: string, route: Route): void {
  const json = ({ number, title, body, byApp, createdAt }: Issue) => ({
    number,
    title,
    body,
    state: "open",
    created_at: createdAt,
    performed_via_github_app: byApp ? { id: state.app?.id } : null,
  });
  api.get(
    `${base}/issues`,
    route("read", (context, repository) => {
      const issues = state.issues
        .filter((issue) => issue.repository === repository.id)
        .map((issue) => ({ id: issue.number, ...json(issue) }));
      // to GitHub a pull request is an issue, too
      const pulls = state.pulls
        .filter((pull) => pull.repository === repository.id)
        .map(({ id, number, title, body, createdAt }) => ({
          id,
          number,
          title,
          body: body ?? null,
          created_at: createdAt,
          pull_request: {},
        }));
      return context.json(pageOf(context, [...issues, ...pulls]));
    }),
  );
  api.post(
    `${base}/issues`,
    route("read", async (context, repository, who) => {
      const { title, body } = (await context.req.json()) as { title: string; body: string };
      const issue: Issue = {
        number: state.nextNumber(repository.id),
        repository: repository.id,
        title,
        body,
        byApp: who.kind === "app",
        createdAt: timestamp(),
      };
      state.issues.push(issue);
      state.written.push(title, body);
      return context.json(json(issue), 201);
    }),
  );
  api.patch(
    `${base}/issues/:number`,
    route("write", async (context, repository) => {
      const issue = state.issues.find((one) => one.repository === repository.id && one.number === Number(context.req.param("number")));
      if (issue === undefined) return context.json({ message: "Not Found" }, 404);
      issue.body = ((await context.req.json()) as { body: string }).body;
      state.written.push(issue.body);
      return context.json(json(issue));
    }),
  );
  api.get(
    `${base}/commits`,
    route("read", async (context, repository) => {
      const path = context.req.query("path") ?? ".";
      const listing = await gitText(["log", "-100", "--format=%H %ae", repository.defaultBranch, "--", path], { cwd: repository.path });
      const commits = listing.split("\n").filter(Boolean);
      return context.json(
        commits.map((line) => {
          const [sha, address = ""] = line.split(" ");
          const login = /^(?:\d+\+)?([\w-]+)@users\.noreply\.github\.com$/.exec(address)?.[1];
          return { sha, author: login !== undefined && state.users.has(login) ? { login } : null };
        }),
      );
    }),
  );
}
