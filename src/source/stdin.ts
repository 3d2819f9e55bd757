import { readSync } from "node:fs";
import { pieceSize } from "./pieces.ts";
import { type Result, type ScannerOptions, Tally } from "./scanner.ts";

/** More than this is reported, not read. Bytes. */
const maxBytes = 8 * pieceSize;

/** Scans what is piped in, as one document without a path. */
export function scanStdin(options: ScannerOptions & { descriptor?: number }): Result {
  const tally = new Tally(options);
  const { bytes, whole } = readAll(options.descriptor ?? 0);
  if (!whole) tally.skip("-", `more than ${maxBytes} bytes: the rest was not read; write it to a file and scan that`, true);
  return { findings: tally.read({ bytes, origin: { kind: "stdin" } }), stats: tally.stats() };
}

function readAll(descriptor: number): { bytes: Buffer; whole: boolean } {
  const chunks: Buffer[] = [];
  for (let size = 0; ; ) {
    const chunk = Buffer.allocUnsafe(1 << 16);
    const count = readSome(descriptor, chunk);
    if (count === 0) return { bytes: Buffer.concat(chunks), whole: true };
    size += count;
    if (size > maxBytes) return { bytes: Buffer.concat(chunks), whole: false };
    chunks.push(chunk.subarray(0, count));
  }
}

function readSome(descriptor: number, into: Buffer): number {
  for (;;) {
    try {
      return readSync(descriptor, into);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code === "EOF") return 0; // Windows
      if (code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10); // a non-blocking pipe that is still empty
    }
  }
}
