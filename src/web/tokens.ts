import type { MiddlewareHandler } from "hono";
import { setViewer } from "./viewer.ts";

/** What a program's token allows. */
export const scopes = ["incidents:read", "metrics:read"] as const;
export type Scope = (typeof scopes)[number];

/** Which scope a path of the API needs; the rest needs a person. */
const needs: readonly (readonly [pattern: RegExp, scope: Scope])[] = [
  [/^\/api\/v1\/incidents(?:\/|$)/, "incidents:read"],
  [/^\/incidents\.csv$/, "incidents:read"],
  [/^\/api\/v1\/(?:metrics|groups\/[a-z]+|rollout)$/, "metrics:read"],
  [/^\/metrics$/, "metrics:read"],
  [/^\/api\/v1\/openapi\.json$/, "metrics:read"],
];

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
    const scope = needs.find(([pattern]) => pattern.test(context.req.path))?.[1];
    if (scope === undefined || !token.scopes.includes(scope) || context.req.method !== "GET")
      return context.json({ error: scope === undefined ? "no token opens this address" : `this needs the scope ${scope}` }, 403);
    setViewer(context, {
      name: `token ${token.name}`,
      role: token.repositories === undefined ? "lead" : "viewer",
      repositories: token.repositories === undefined ? "all" : new Set(token.repositories),
    });
    await next();
  };
}
