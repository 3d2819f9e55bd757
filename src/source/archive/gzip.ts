import { gunzipSync } from "node:zlib";
import { UnreadableError } from "./member.ts";

/** The whole of a gzip file, at most `most` bytes of it. Throws UnreadableError. */
export function gunzip(bytes: Buffer, most: number): Buffer {
  try {
    return gunzipSync(bytes, { maxOutputLength: Math.max(most, 1) });
  } catch (cause) {
    throw new UnreadableError(zlibProblem(cause), { cause });
  }
}

/** zlib's error in words that go on from "archive …". */
export function zlibProblem(error: unknown): string {
  const tooLarge = error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
  return tooLarge ? "unpacks to more than is read" : "is damaged or not of the kind that its name says";
}
