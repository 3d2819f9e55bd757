import type { Context, Hono } from "hono";
import { type Comment, type Repository, type State, timestamp, type User } from "./state.ts";

type Who = { readonly kind: "app" } | { readonly kind: "user"; readonly user: User };
type Handler = (context: Context, repository: Repository, who: Who) => Response | Promise<Response>;

/** Comments of issues and pull requests, which raise webhooks, and reactions to them. */
export function commentRoutes(
  api: Hono,
  {
    state,
    url,
    base,
    route,
    user,
    send,
  }: {
    state: State;
    url: string;
    base: string;
    route: (role: "read" | "write", handler: Handler) => (context: Context) => Promise<Response>;
    user: (login: string) => object;
    send: (payload: Record<string, unknown>, repository: Repository, login: string) => void;
  },
): void {
  const login = (who: Who) => (who.kind === "app" ? "rekey[bot]" : who.user.login);

  function json(comment: Comment) {
    return {
      id: comment.id,
      node_id: `IC_${comment.id}`,
      body: comment.body,
      user: user(comment.user),
      created_at: comment.createdAt,
      updated_at: comment.updatedAt,
      author_association: "MEMBER",
      performed_via_github_app: comment.byApp ? { id: state.app?.id, slug: state.app?.slug } : null,
      html_url: `${url}/comments/${comment.id}`,
    };
  }

  api.get(
    `${base}/issues/:number/comments`,
    route("read", (context, repository) =>
      context.json(
        state.comments
          .filter((comment) => comment.repository === repository.id && comment.issue === Number(context.req.param("number")))
          .map(json),
      ),
    ),
  );
  api.post(
    `${base}/issues/:number/comments`,
    route("read", async (context, repository, who) => {
      const { body } = (await context.req.json()) as { body: string };
      if (body.length > 65_536) return context.json({ message: "body is too long (maximum is 65536 characters)" }, 422);
      const comment: Comment = {
        id: state.id(),
        repository: repository.id,
        issue: Number(context.req.param("number")),
        user: login(who),
        byApp: who.kind === "app",
        body,
        createdAt: timestamp(),
        updatedAt: timestamp(),
        reactions: [],
      };
      state.comments.push(comment);
      state.written.push(body);
      send({ action: "created", issue: { number: comment.issue, pull_request: {} }, comment: json(comment) }, repository, login(who));
      return context.json(json(comment), 201);
    }),
  );
  api.get(
    `${base}/issues/comments/:id`,
    route("read", (context) => {
      const comment = state.comments.find(({ id }) => id === Number(context.req.param("id")));
      return comment === undefined ? context.json({ message: "Not Found" }, 404) : context.json(json(comment));
    }),
  );
  api.patch(
    `${base}/issues/comments/:id`,
    route("read", async (context, repository, who) => {
      const comment = state.comments.find(({ id }) => id === Number(context.req.param("id")));
      if (comment === undefined) return context.json({ message: "Not Found" }, 404);
      const from = comment.body;
      comment.body = ((await context.req.json()) as { body: string }).body;
      comment.updatedAt = timestamp();
      state.written.push(comment.body);
      send(
        { action: "edited", changes: { body: { from } }, issue: { number: comment.issue, pull_request: {} }, comment: json(comment) },
        repository,
        login(who),
      );
      return context.json(json(comment));
    }),
  );
  api.delete(
    `${base}/issues/comments/:id`,
    route("write", (context) => {
      const before = state.comments.length;
      state.comments = state.comments.filter(({ id }) => id !== Number(context.req.param("id")));
      return state.comments.length === before ? context.json({ message: "Not Found" }, 404) : context.body(null, 204);
    }),
  );
  api.post(
    `${base}/issues/comments/:id/reactions`,
    route("read", async (context, _repository, who) => {
      const comment = state.comments.find(({ id }) => id === Number(context.req.param("id")));
      if (comment === undefined) return context.json({ message: "Not Found" }, 404);
      const { content } = (await context.req.json()) as { content: string };
      comment.reactions.push({ content, user: login(who) });
      return context.json({ id: state.id(), content }, 201);
    }),
  );
}
