import { timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import type { Secret } from "../secret.ts";
import { messagePage } from "./layout.ts";
import { everything, setViewer } from "./viewer.ts";

const cookie = "rekey_access";

/**
 * One token for the whole dashboard, where there is no login: given once as `/enter?token=…` (then kept in a cookie that no
 * script and no other site can use) or as a bearer token. `secure` marks the cookie for https only.
 */
export function accessToken(token: Secret, { secure = false } = {}): MiddlewareHandler {
  return async (context, next) => {
    if (context.req.path === "/enter") {
      const given = context.req.query("token") ?? "";
      if (!equal(given, token))
        return context.html(
          messagePage("Wrong token", "This is not the access token of this server; it prints the right address when it starts."),
          403,
        );
      setCookie(context, cookie, given, { httpOnly: true, sameSite: "Strict", path: "/", secure, maxAge: 24 * 3600 });
      return context.redirect("/", 303);
    }
    const bearer = /^Bearer (\S+)$/.exec(context.req.header("authorization") ?? "")?.[1];
    const given = bearer ?? getCookie(context, cookie) ?? "";
    if (equal(given, token)) {
      setViewer(context, everything);
      return next();
    }
    if (context.req.path.startsWith("/api/")) return context.json({ error: "give the access token as a bearer token" }, 401);
    return context.html(
      messagePage("Access token needed", "Open the address that the server printed when it started: it ends in /enter?token=…"),
      401,
    );
  };
}

function equal(given: string, token: Secret): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(token.reveal())];
  return a.length === b.length && timingSafeEqual(a, b);
}
