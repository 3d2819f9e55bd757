import type { MiddlewareHandler } from "hono";
import { setViewer } from "./viewer.ts";

/** What a program's token allows. */
export const scopes = ["incidents:read", "metrics:read", "exceptions:ask"] as const;
export type Scope = (typeof scopes)[number];

/** Which scope a path of the API needs; the rest needs a person. */
const needs: readonly (readonly [pattern: RegExp, scope: Scope])[] = [
  [/^\/api\/v1\/(?:incidents(?:\/|$)|exceptions$)/, "incidents:read"],
  [/^\/(?:incidents|exceptions)\.csv$/, "incidents:read"],
  [/^\/api\/v1\/(?:metrics|groups\/[a-z]+|rollout|governance|coverage|controls|evidence\/[a-z-]+)$/, "metrics:read"],
  [/^\/metrics$/, "metrics:read"],
  [/^\/api\/v1\/openapi\.json$/, "metrics:read"],
];

/** The one thing that a program may ask for; that it was asked changes nothing yet. */
const asks = "/api/v1/exceptions";

export interface TokenView {
  readonly name: string;
  readonly scopes: readonly string[];
  readonly repositories?: readonly string[];
}

/** Programs: `Authorization: Bearer rekey_pat_…`, for the paths of their scopes. `otherwise` judges what is no such token. */
export function apiTokens(use: (value: string) => Promise<TokenView | undefined>, otherwise: MiddlewareHandler): MiddlewareHandler {
  return async (context, next) => {
    const value = /^Bearer (rekey_pat_[\w-]{20,100})$/.exec(context.req.header("authorization") ?? "")?.[1];
    if (value === undefined) return otherwise(context, next);
    const token = await use(value);
    if (token === undefined) return context.json({ error: "this token is not known here, or it has expired" }, 401);
    const { path, method } = context.req;
    const scope =
      method === "POST" && path === asks
        ? "exceptions:ask"
        : method === "GET"
          ? needs.find(([pattern]) => pattern.test(path))?.[1]
          : undefined;
    if (scope === undefined || !token.scopes.includes(scope))
      return context.json({ error: scope === undefined ? "no token opens this address" : `this needs the scope ${scope}` }, 403);
    setViewer(context, {
      name: `token ${token.name}`,
      role: token.repositories === undefined ? "lead" : "viewer",
      repositories: token.repositories === undefined ? "all" : new Set(token.repositories),
    });
    await next();
  };
}
