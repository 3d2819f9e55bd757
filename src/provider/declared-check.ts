import { randomInt } from "node:crypto";
import type { DeclaredCheck } from "../detector/schema.ts";
import type { ProbeResult } from "../driver.ts";
import { type HttpAnswer, json, pinOf, request } from "../http.ts";
import { Secret } from "../secret.ts";
import { probeAnswer } from "./answer.ts";

/** How a declared check reaches its vendor. */
export interface CheckHttp {
  /** Milliseconds for one call. */
  readonly timeout: number;
  /** Base URL of a connection or target of rekey.yml instead of the check's own host; never from a finding. */
  readonly host?: string;
  readonly signal?: AbortSignal;
  readonly publicOnly?: boolean;
}

export interface Validity {
  readonly validity: "active" | "inactive" | "unknown";
  /** Status and the vendor's words for a receipt. Never a body. */
  readonly code: string;
  readonly tells?: Readonly<Record<string, string>>;
  /** The vendor asks to wait, milliseconds. */
  readonly afterMs?: number;
}

/** A vendor's answer to a check is short, or not the one that we asked for. Bytes. */
const maxBytes = 256 << 10;

/**
 * Whether the vendor accepts the value, by the check that the detector declares: one GET to its pinned host, without redirects.
 * Anything but the two answers that the check names is `unknown`; so is a vendor that accepts a made-up value too, which is tried
 * once in each process before `active` is believed.
 */
export async function checkValidity(
  check: DeclaredCheck,
  secret: Secret,
  attributes: Readonly<Record<string, string>>,
  http: CheckHttp,
): Promise<Validity> {
  const { answer, code, tells, afterMs } = await ask(check, secret, attributes, http);
  if (answer === "invalid") return { validity: "inactive", code };
  if (answer !== "alive") return { validity: "unknown", code, ...(afterMs === undefined ? {} : { afterMs }) };
  const control = await refusesMadeUp(check, secret, attributes, http);
  if (control === "accepted") return { validity: "unknown", code: `${code}, but a made-up value gets it too` };
  if (control === "unclear") return { validity: "unknown", code: `${code}, but no answer to a made-up value` };
  return { validity: "active", code, ...(tells === undefined ? {} : { tells }) };
}

const refusing = new Set<string>();

async function refusesMadeUp(
  check: DeclaredCheck,
  secret: Secret,
  attributes: Readonly<Record<string, string>>,
  http: CheckHttp,
): Promise<"refused" | "accepted" | "unclear"> {
  const key = JSON.stringify([check, http.host ?? ""]);
  if (refusing.has(key)) return "refused";
  const fake = madeUp(secret);
  const { answer, code } = await ask(check, fake, attributes, http);
  fake.wipe();
  if (answer === "alive") return "accepted";
  if (answer !== "invalid" && !/^4(?!29)\d\d/.test(code)) return "unclear";
  refusing.add(key);
  return "refused";
}

async function ask(
  check: DeclaredCheck,
  secret: Secret,
  attributes: Readonly<Record<string, string>>,
  http: CheckHttp,
): Promise<ProbeResult> {
  const lacking = [...`${check.url} ${check.header ?? ""} ${check.basic ?? ""}`.matchAll(/\{([A-Za-z_]\w*)\}/g)]
    .map(([, name = ""]) => name)
    .find((name) => name !== "secret" && attributes[name] === undefined);
  if (lacking !== undefined) return { answer: "unknown", code: `${lacking} is not known` };
  const all = { ...attributes, secret: secret.reveal() };
  const own = new URL(filled(check.url, all, encodeURIComponent));
  const url = http.host === undefined ? own : new URL(`${http.host.replace(/\/$/, "")}${own.pathname}${own.search}`);
  const headers = headersOf(check, all);
  if (headers === undefined) return { answer: "unknown", code: "not a header value" };
  return probeAnswer(
    () =>
      request({
        method: check.method,
        url,
        headers: check.query === undefined ? headers : { ...headers, "content-type": "application/json" },
        ...(check.query === undefined ? {} : { body: JSON.stringify({ query: check.query }), safe: true }),
        pins: [pinOf(http.host ?? own)],
        timeout: http.timeout,
        maxBytes,
        publicOnly: http.publicOnly,
        ...(http.signal === undefined ? {} : { signal: http.signal }),
      }),
    (answer) => judge(check, answer),
    check.tells === undefined ? undefined : { secret, paths: check.tells },
  );
}

function headersOf({ header, basic, headers }: DeclaredCheck, all: Readonly<Record<string, string>>): Record<string, string> | undefined {
  const [name = "", ...rest] = (header ?? "").split(": ");
  const value = filled(rest.join(": "), all);
  if (/[^\t\x20-\x7e]/.test(value)) return undefined; // a line break would start a header of its own
  return {
    accept: "application/json",
    ...headers,
    ...(header === undefined ? {} : { [name.toLowerCase()]: value }),
    ...(basic === undefined ? {} : { authorization: `Basic ${Buffer.from(filled(basic, all)).toString("base64")}` }),
  };
}

function filled(template: string, values: Readonly<Record<string, string>>, encode = (text: string) => text): string {
  return template.replaceAll(/\{([A-Za-z_]\w*)\}/g, (_, name: string) => encode(values[name] ?? ""));
}

/** The status, the body's own words where the check names them, and JSON: a page of a proxy or a log-in form says nothing. */
function judge({ alive, dead, says }: DeclaredCheck, answer: HttpAnswer): ProbeResult | undefined {
  const text = answer.body.toString("utf8");
  if (json(answer) === undefined && (says === undefined || /<html|<!doctype/i.test(text))) {
    return { answer: "unknown", code: `${answer.status} without JSON` };
  }
  const words = (expected: string | undefined) => expected === undefined || text.includes(expected);
  if (answer.status === dead && words(says?.dead)) {
    return { answer: "invalid", code: says?.dead === undefined ? String(dead) : `${dead} ${says.dead}` };
  }
  return answer.status === alive && words(says?.alive) ? { answer: "alive", code: String(alive) } : undefined;
}

/** A value of the same shape that nobody was ever given: the part behind its public prefix is drawn anew, character class by class. */
export function madeUp(secret: Secret): Secret {
  const text = secret.reveal();
  const prefix = /^(?:[A-Za-z0-9]{1,8}[-_.]){1,4}(?=.{12})/.exec(text)?.[0] ?? "";
  const body = text.slice(prefix.length);
  const drawn = (alphabet: string) => alphabet[randomInt(alphabet.length)] ?? "";
  const hex = /^[0-9a-f-]+$/.test(body);
  const fresh = body.replaceAll(/[A-Za-z0-9]/g, (letter) => {
    if (hex) return drawn("0123456789abcdef");
    return drawn(/\d/.test(letter) ? "0123456789" : /[a-z]/.test(letter) ? "abcdefghijklmnopqrstuvwxyz" : "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
  });
  return Secret.from(prefix + fresh);
}
