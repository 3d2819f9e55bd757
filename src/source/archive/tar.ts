import { type Member, memberName, UnreadableError } from "./member.ts";

/** The regular files of a tar archive: ustar, GNU long names, pax paths (POSIX.1-2017, pax). Links and devices have no content. */
export function* tarMembers(bytes: Buffer, most: number): Generator<Member> {
  let longName: string | undefined;
  for (let at = 0; at + block <= bytes.length; ) {
    const header = bytes.subarray(at, at + block);
    if (header.every((byte) => byte === 0)) return;
    if (!isHeader(header)) throw new UnreadableError("is damaged or not of the kind that its name says");
    const size = sizeOf(header);
    const body = bytes.subarray(at + block, at + block + size);
    if (body.length < size) throw new UnreadableError("ends in the middle of a file");
    const type = String.fromCharCode(header[156] ?? 0);
    const name = memberName(longName ?? nameOf(header));
    if (type === "L") longName = body.toString("utf8").replace(/\0.*$/s, "");
    else if (type === "x") longName = paxPath(body.toString("utf8")) ?? longName;
    else {
      longName = undefined;
      if (type === "0" || type === "\0" || type === "7")
        yield size > most ? { name, problem: "larger than the limit" } : { name, bytes: body };
    }
    at += block + Math.ceil(size / block) * block;
  }
}

const block = 512;

function isHeader(header: Buffer): boolean {
  let sum = 0;
  for (const [index, byte] of header.entries()) sum += index >= 148 && index < 156 ? 32 : byte;
  return octal(header.subarray(148, 156)) === sum;
}

/** Octal digits, or base 256 where the first bit is set (GNU). */
function sizeOf(header: Buffer): number {
  const field = header.subarray(124, 136);
  if (((field[0] ?? 0) & 0x80) === 0) return octal(field);
  const size = field.readUIntBE(6, 6);
  return Number.isSafeInteger(size) ? size : Number.MAX_SAFE_INTEGER;
}

function octal(field: Buffer): number {
  return Number.parseInt(field.toString("latin1").replace(/\0.*$/s, "").trim() || "0", 8) || 0;
}

function nameOf(header: Buffer): string {
  const text = (start: number, end: number) => header.toString("utf8", start, end).replace(/\0.*$/s, "");
  const prefix = header.toString("latin1", 257, 262) === "ustar" ? text(345, 500) : "";
  return prefix === "" ? text(0, 100) : `${prefix}/${text(0, 100)}`;
}

function paxPath(records: string): string | undefined {
  return /(?:^|\n)\d+ path=([^\n]*)\n/.exec(records)?.[1];
}
