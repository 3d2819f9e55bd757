import { randomBytes } from "node:crypto";
import { Secret } from "../secret.ts";
import { startVendor, type VendorServer } from "./vendor.ts";

/**
 * A stand-in for GitHub's credential revocation (https://docs.github.com/rest/credentials/revoke): anyone who holds a token may
 * kill it, without authentication, up to 1000 in a call; the answer is 202 whatever happens. `GET /user` is what a live token gets.
 */
export interface GitHubRevocation extends VendorServer {
  createToken(login: string): Secret;
  /** Logins whose token still lives. */
  living(): readonly string[];
}

export async function startGitHubRevocation(): Promise<GitHubRevocation> {
  const tokens = new Map<string, string>();

  const server = await startVendor((app) => {
    app.post("/credentials/revoke", async (context) => {
      // An authenticated call is refused on github.com, so that a caller's own rights never matter.
      if (context.req.header("authorization") !== undefined) return context.json({ message: "Forbidden" }, 403);
      const { credentials } = await context.req.json<{ credentials?: unknown }>();
      if (!Array.isArray(credentials) || credentials.length === 0 || credentials.length > 1000) {
        return context.json({ message: "Validation Failed" }, 422);
      }
      for (const token of credentials) tokens.delete(String(token));
      return context.json({}, 202);
    });
    app.get("/user", (context) => {
      const login = tokens.get(context.req.header("authorization")?.replace(/^Bearer /, "") ?? "");
      if (login === undefined)
        return context.json({ message: "Bad credentials", documentation_url: "https://docs.github.com/rest", status: "401" }, 401);
      return context.json({ login, id: 1, type: "User" });
    });
  });

  return {
    ...server,
    createToken(login) {
      const token = `ghp_${randomBytes(30).toString("base64url").replaceAll(/[-_]/g, "x").slice(0, 36)}`;
      tokens.set(token, login);
      return Secret.from(token);
    },
    living: () => [...tokens.values()],
  };
}
