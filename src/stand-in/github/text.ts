import type { Context, Hono } from "hono";
import type { Repository, State } from "./state.ts";

type Handler = (context: Context, repository: Repository) => Response;
type Route = (role: "read", handler: Handler) => (context: Context) => Promise<Response>;

/** Lists of what people wrote: comments of all issues and pull requests, reviews and their notes, page by page as GitHub gives them. */
export function textRoutes(api: Hono, state: State, base: string, route: Route): void {
  const list = (path: string, items: (context: Context, repository: Repository) => readonly object[]) =>
    api.get(
      `${base}${path}`,
      route("read", (context, repository) => context.json(pageOf(context, items(context, repository)))),
    );
  list("/issues/comments", (_context, repository) =>
    state.comments
      .filter((comment) => comment.repository === repository.id)
      .map(({ id, body, issue, user, createdAt, updatedAt }) => ({
        id,
        body,
        issue_url: `/repos/${repository.id}/issues/${issue}`,
        user: { login: user },
        created_at: createdAt,
        updated_at: updatedAt,
      })),
  );
  list("/pulls/comments", (_context, repository) =>
    state.reviews
      .filter((review) => review.repository === repository.id)
      .flatMap(({ id, pull, comments }) =>
        comments.map(({ body }, index) => ({ id: id * 1000 + index, body, pull_request_url: `/repos/${repository.id}/pulls/${pull}` })),
      ),
  );
  list("/pulls/:number/reviews", (context, repository) =>
    state.reviews
      .filter((review) => review.repository === repository.id && review.pull === Number(context.req.param("number")))
      .map(({ id, body }) => ({ id, body })),
  );
}

/** `per_page` (30, at most 100) and `page`. */
export function pageOf<T>(context: Context, items: readonly T[]): T[] {
  const size = Math.min(Number(context.req.query("per_page") ?? 30), 100);
  const page = Number(context.req.query("page") ?? 1);
  return items.slice((page - 1) * size, page * size);
}
