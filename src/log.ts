import { pino } from "pino";

/** What Rekey writes to its log. A message is a static string; everything that varies is in the object. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Of an error only class, message and code: a cause, a request or a payload can hold a secret (Probot's `err.event` does). */
export function describeError(error: unknown): { type: string; message: string; code?: string } {
  if (isDescribed(error)) return error; // callers describe, and the serializer sees it again
  if (!(error instanceof Error)) return { type: typeof error, message: "not an Error" };
  const code = "code" in error && typeof error.code === "string" ? { code: error.code } : {};
  return { type: error.name, message: error.message, ...code };
}

function isDescribed(error: unknown): error is { type: string; message: string } {
  return (
    typeof error === "object" &&
    error !== null &&
    !(error instanceof Error) &&
    Object.keys(error).every((key) => ["type", "message", "code"].includes(key)) &&
    "type" in error
  );
}

/** A JSON-lines logger on stderr, so that stdout stays what a command promises. `level` is pino's. */
export function createLog(level = "info"): Log {
  return pino(
    {
      level,
      base: null,
      serializers: { err: describeError, error: describeError },
      redact: {
        paths: ["secret", "value", "token", "authorization", "*.secret", "*.token", "*.authorization", "*.password"],
        remove: true,
      },
    },
    pino.destination({ fd: 2, sync: true }),
  );
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
