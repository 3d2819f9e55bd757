import { createHash, randomBytes } from "node:crypto";
import type { Context, Hono } from "hono";
import type { Repository, State, User } from "./state.ts";

/** The App's own client, as its settings show it, and who agrees when a browser comes. */
export interface LoginClient {
  readonly id: string;
  readonly secret: string;
  /** Who is logged in at GitHub and says yes; undefined = says no. */
  user: User | undefined;
  /** Accounts that own the organisation. */
  readonly owners: Set<string>;
}

interface Code {
  readonly user: User;
  readonly challenge: string;
  readonly callback: string;
}

/** User authorization with PKCE, and what a user's token may ask. A code is good once. */
export function loginRoutes(
  api: Hono,
  { state, client, json }: { state: State; client: LoginClient; json: (repository: Repository) => Record<string, unknown> },
): void {
  const codes = new Map<string, Code>();
  const tokens = new Map<string, User>();

  api.get("/login/oauth/authorize", (context) => {
    const { client_id, redirect_uri = "", state: given = "", code_challenge = "", code_challenge_method } = context.req.query();
    if (client_id !== client.id || code_challenge_method !== "S256" || code_challenge === "") return context.text("not found", 404);
    const back = new URL(redirect_uri);
    back.searchParams.set("state", given);
    if (client.user === undefined) back.searchParams.set("error", "access_denied");
    else {
      const code = randomBytes(10).toString("hex");
      codes.set(code, { user: client.user, challenge: code_challenge, callback: redirect_uri });
      back.searchParams.set("code", code);
    }
    return context.redirect(back.href, 302);
  });
  api.post("/login/oauth/access_token", async (context) => {
    const form = (await context.req.parseBody()) as Record<string, string>;
    const known = codes.get(form["code"] ?? "");
    codes.delete(form["code"] ?? "");
    const challenge = createHash("sha256")
      .update(form["code_verifier"] ?? "")
      .digest("base64url");
    const fits =
      known !== undefined &&
      form["client_id"] === client.id &&
      form["client_secret"] === client.secret &&
      form["redirect_uri"] === known.callback &&
      challenge === known.challenge;
    if (!fits) return context.json({ error: "bad_verification_code" }); // with 200, as GitHub does
    const token = `ghu-${randomBytes(16).toString("hex")}`;
    tokens.set(token, known.user);
    return context.json({ access_token: token, token_type: "bearer", scope: "", expires_in: 28_800 });
  });

  const route = (handler: (context: Context, user: User) => Response) => (context: Context) => {
    const user = tokens.get((context.req.header("authorization") ?? "").replace(/^bearer /i, ""));
    return user === undefined || !state.users.has(user.login) ? context.json({ message: "Bad credentials" }, 401) : handler(context, user);
  };
  const visible = (user: User) => [...state.repositories.values()].filter((one) => !one.private || one.roles.has(user.login));
  api.get(
    "/user",
    route((context, { login, id, type }) => context.json({ login, id, type })),
  );
  api.get(
    "/user/installations",
    route((context, user) => {
      const owner = visible(user)[0]?.owner;
      const installations =
        owner === undefined ? [] : [{ id: state.app?.installation, account: { login: owner, id: 1, type: "Organization" } }];
      return context.json({ total_count: installations.length, installations });
    }),
  );
  api.get(
    "/user/installations/:id/repositories",
    route((context, user) => {
      const repositories = visible(user).map((one) => {
        const role = one.roles.get(user.login);
        const push = role === "write" || role === "maintain" || role === "admin";
        return { ...json(one), permissions: { admin: role === "admin", maintain: push, push, triage: push, pull: true } };
      });
      return context.json({ total_count: repositories.length, repositories });
    }),
  );
  api.get(
    "/user/memberships/orgs/:org",
    route((context, { login }) =>
      context.json({
        state: "active",
        role: client.owners.has(login) ? "admin" : "member",
        organization: { login: context.req.param("org") },
      }),
    ),
  );
}
