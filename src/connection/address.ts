import { readFileSync } from "node:fs";
import { HoldError } from "../errors.ts";
import type { Secret } from "../secret.ts";

/** Where a database listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
  readonly database?: string;
  /** `false` = plain text: by default to loopback only, elsewhere where rekey.yml says `sslmode=disable`. `ca`: PEM, instead of the system's. */
  readonly tls: false | { readonly ca?: string };
}

/**
 * A database connection's `host` in rekey.yml: `db.internal:5432` or `postgresql://db.internal:5432/app?sslmode=verify-full&sslrootcert=FILE`.
 * Certificates are verified, with the host's name, unless it is loopback or says `sslmode=disable`. Throws HoldError("bad-connection").
 */
export function addressOf(text: string, defaultPort: number): Address {
  const url = parsed(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `db://${text}`);
  if (url === undefined || url.hostname === "") throw wrong("expected host:port, or a URL such as postgresql://host:port/database");
  if (url.username !== "" || url.password !== "") throw wrong("it holds a user or password; they belong under `credential`");
  const sslmode = url.searchParams.get("sslmode") ?? (isLoopback(url.hostname) ? "disable" : "verify-full");
  if (sslmode !== "disable" && sslmode !== "verify-full") throw wrong("expected sslmode=verify-full or sslmode=disable");
  const file = url.searchParams.get("sslrootcert");
  const database = decodeURIComponent(url.pathname.slice(1));
  return {
    host: unbracketed(url.hostname),
    port: url.port === "" ? defaultPort : Number(url.port),
    ...(database === "" ? {} : { database }),
    tls: sslmode === "disable" ? false : file === null ? {} : { ca: authority(file) },
  };
}

/**
 * The address that a leaked value names, if it may be sent there (contracts.md §4): the connection's own, or a host of `targets`.
 * A target without a port means every port. Undefined = it must not be asked.
 */
export function pinnedAddress(
  context: { readonly host: string; readonly targets?: readonly string[] },
  attributes: Readonly<Record<string, string>>,
  defaultPort: number,
): Address | undefined {
  const { host, port = String(defaultPort), database } = attributes;
  if (host === undefined || host === "" || !/^\d{1,5}$/.test(port)) return undefined;
  const own = addressOf(context.host, defaultPort);
  const at = { host: unbracketed(host.toLowerCase()), port: Number(port), ...(database === undefined ? {} : { database }) };
  if (at.host === own.host && at.port === own.port) return { ...own, ...at };
  const wanted = [at.host, `${at.host}:${at.port}`];
  if (!(context.targets ?? []).some((target) => wanted.includes(target.toLowerCase()))) return undefined;
  return { ...at, tls: isLoopback(at.host) ? false : {} };
}

/** The credential of a database connection, `user:password`. Throws HoldError("bad-credential"), never with the value. */
export function loginOf(credential: Secret | undefined): { user: string; password: string } {
  const [, user, password] = /^([^:\s]+):(.+)$/s.exec((credential?.reveal() ?? "").trim()) ?? [];
  if (user === undefined || password === undefined)
    throw new HoldError("bad-credential", "the credential of this database connection is not of the form user:password");
  return { user, password };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

function unbracketed(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1");
}

function parsed(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

function authority(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    throw wrong("its sslrootcert cannot be read");
  }
}

function wrong(problem: string): HoldError {
  return new HoldError("bad-connection", `the host of this database connection in rekey.yml is not usable: ${problem}`);
}
