import type { DriverContext } from "../driver.ts";
import { type HttpAnswer, pinOf, request } from "../http.ts";

/** One request to a token endpoint (RFC 6749, 4.4 and RFC 7523): a form, on the pinned host, safe to repeat. `path` begins with a slash. */
export function askForToken(
  context: DriverContext,
  host: string,
  path: string,
  form: Readonly<Record<string, string>>,
): Promise<HttpAnswer> {
  return request({
    method: "POST",
    url: `${host.replace(/\/$/, "")}${path}`,
    headers: { accept: "application/json", "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams(form).toString(),
    pins: [pinOf(host)],
    timeout: context.timeout,
    publicOnly: context.publicOnly,
    safe: true,
    ...(context.signal === undefined ? {} : { signal: context.signal }),
  });
}
