import { Secret } from "../secret.ts";
import { Keys, random } from "./keys.ts";
import { startVendor, type VendorServer } from "./vendor.ts";

/**
 * A stand-in for GitLab's personal access tokens (https://docs.gitlab.com/api/personal_access_tokens/) as an administrator sees them: a
 * revoked token stays in the list, pages are named by a header, `self` is what a live token gets.
 */
export interface GitLab extends VendorServer {
  readonly adminToken: Secret;
  readonly keys: Keys;
  createToken(user: number, name: string): { id: string; secret: Secret };
  /** Tokens that still live. */
  living(): readonly string[];
}

export async function startGitLab(): Promise<GitLab> {
  const value = () => `glpat-${random(20)}`;
  const adminToken = value();
  const keys = new Keys();
  let last = 0;
  const add = (user: unknown, name: string, scopes: unknown) =>
    keys.add({ id: String(++last), name, value: value(), fields: { user_id: Number(user), scopes } });
  const shown = (id: string) => {
    const key = keys.get(id);
    const revoked = key?.disabled === true;
    return {
      id: Number(id),
      name: key?.name,
      revoked,
      active: !revoked,
      created_at: key?.createdAt,
      expires_at: "2027-11-01",
      ...key?.fields,
    };
  };
  const server = await startVendor((app) => {
    const base = "/api/v4/personal_access_tokens";
    const refused = { error: "invalid_token", error_description: "Token was revoked. You have to re-authorize from the user." };
    app.get(`${base}/self`, (context) => {
      const token = context.req.header("private-token");
      const own = keys.live(token);
      if (own === undefined || own.disabled) return context.json(own === undefined ? { message: "401 Unauthorized" } : refused, 401);
      return context.json({ ...shown(own.id), revoked: false, active: true });
    });
    app.use("/api/v4/*", async (context, next) => {
      if (context.req.header("private-token") !== adminToken) return context.json({ message: "401 Unauthorized" }, 401);
      return next();
    });
    app.get(base, (context) => {
      const [size, page, user] = [
        Number(context.req.query("per_page") ?? 20),
        Number(context.req.query("page") ?? 1),
        context.req.query("user_id"),
      ];
      const all = keys.all().filter(({ fields }) => user === undefined || fields["user_id"] === Number(user));
      const next = page * size < all.length ? String(page + 1) : "";
      return context.json(
        all.slice((page - 1) * size, page * size).map(({ id }) => shown(id)),
        200,
        { "x-next-page": next },
      );
    });
    app.post("/api/v4/users/:user/personal_access_tokens", async (context) => {
      const { name = "", scopes } = await context.req.json<{ name?: string; scopes?: unknown }>();
      const key = add(context.req.param("user"), name, scopes);
      return context.json({ ...shown(key.id), token: key.value }, 201);
    });
    app.delete(`${base}/:id`, (context) => {
      const key = keys.set(context.req.param("id"), { disabled: true });
      return key === undefined ? context.json({ message: "404 Not Found" }, 404) : context.body(null, 204);
    });
  });
  return {
    ...server,
    adminToken: Secret.from(adminToken),
    keys,
    createToken(user, name) {
      const key = add(user, name, ["read_api"]);
      return { id: key.id, secret: Secret.from(key.value) };
    },
    living: () => keys.all().flatMap(({ id, disabled }) => (disabled ? [] : [id])),
  };
}
