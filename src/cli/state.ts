import { request } from "node:http";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { UsageError } from "../errors.ts";
import type { Log } from "../log.ts";
import { type Database, openDatabase } from "../store/database.ts";
import { LockedError } from "../store/lock.ts";

/** The state of Rekey as a command finds it: ours to open, or owned by a running server that answers on its socket. */
export type State = { readonly kind: "database"; readonly database: Database } | { readonly kind: "owner"; readonly socket: string };

/** `--data DIR`, else DATABASE_URL, else REKEY_DATA, else `$XDG_STATE_HOME/rekey/db`. */
export function databaseLocation(data?: string, environment: NodeJS.ProcessEnv = process.env): { dataDir: string } | { url: string } {
  if (data !== undefined) return { dataDir: resolve(data) };
  const url = environment["DATABASE_URL"];
  if (url !== undefined && url !== "") return { url };
  const named = environment["REKEY_DATA"];
  if (named !== undefined && named !== "") return { dataDir: resolve(named) };
  const home = environment["XDG_STATE_HOME"];
  return { dataDir: join(home !== undefined && home !== "" ? home : join(homedir(), ".local/state"), "rekey/db") };
}

/** Opens the state, or names the socket of the process that has it. Throws LockedError if that process has no socket yet. */
export async function openState(location: { dataDir: string } | { url: string }, log?: Log): Promise<State> {
  try {
    return { kind: "database", database: await openDatabase({ ...location, ...(log === undefined ? {} : { log }) }) };
  } catch (error) {
    if (error instanceof LockedError && error.owner.socket !== undefined) return { kind: "owner", socket: error.owner.socket };
    throw error;
  }
}

/** Asks the owner's JSON API on its unix socket. Throws UsageError with the owner's message if it refuses. */
export async function askOwner(socket: string, path: string, body?: object, timeout = 30_000): Promise<unknown> {
  const { promise, resolve: done, reject } = Promise.withResolvers<unknown>();
  const asked = request(
    {
      socketPath: socket,
      path,
      method: body === undefined ? "GET" : "POST",
      headers: { host: "rekey", ...(body === undefined ? {} : { "content-type": "application/json" }) },
      timeout,
    },
    (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        text += part;
      });
      response.on("error", reject);
      response.on("end", () => {
        if (response.statusCode === 200) done(JSON.parse(text));
        else
          reject(
            new UsageError(refusalIn(text) ?? `the running rekey server answered ${response.statusCode} to ${path}: ${text.slice(0, 200)}`),
          );
      });
    },
  );
  asked.on("timeout", () =>
    asked.destroy(new UsageError(`the running rekey server did not answer within ${Math.round(timeout / 1000)} s on ${socket}`)),
  );
  asked.on("error", (cause) =>
    reject(new UsageError(`the running rekey server cannot be reached on ${socket}: ${cause.message}`, { cause })),
  );
  asked.end(body === undefined ? undefined : JSON.stringify(body));
  return promise;
}

/** What the server said no with, in its own words. */
function refusalIn(text: string): string | undefined {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === "object" && body !== null && "error" in body && typeof body.error === "string" ? body.error : undefined;
  } catch {
    return undefined;
  }
}

/** The socket of the running server; for what only the server does. Throws UsageError where there is none. */
export async function runningServer(data: string | undefined, what: string): Promise<string> {
  const state = await openState(databaseLocation(data));
  if (state.kind === "owner") return state.socket;
  await state.database.close();
  throw new UsageError(`${what} by the server; start it with rekey serve, then repeat this`);
}
