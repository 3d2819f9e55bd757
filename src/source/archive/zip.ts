import { inflateRawSync } from "node:zlib";
import { zlibProblem } from "./gzip.ts";
import { type Member, memberName, UnreadableError } from "./member.ts";

/**
 * The files of a zip archive by its central directory (PKWARE APPNOTE 6.3.10, 4.3.12 and 4.3.16). Sizes that headers claim are not
 * trusted: at most `most` bytes of a member are unpacked. Encrypted members and other methods than stored and deflate are reported.
 */
export function* zipMembers(bytes: Buffer, most: number): Generator<Member> {
  const end = bytes.lastIndexOf(endOfDirectory, bytes.length);
  if (end === -1 || end + 22 > bytes.length) throw new UnreadableError("is damaged or not of the kind that its name says");
  const count = bytes.readUInt16LE(end + 10);
  let at = bytes.readUInt32LE(end + 16);
  if (count === 0xffff || at === 0xffffffff) throw new UnreadableError("is a zip64 file: not opened");
  for (let index = 0; index < count; index++) {
    if (at + 46 > bytes.length || bytes.readUInt32LE(at) !== 0x02014b50) throw new UnreadableError("has a damaged directory");
    const nameLength = bytes.readUInt16LE(at + 28);
    const entry = {
      flags: bytes.readUInt16LE(at + 8),
      method: bytes.readUInt16LE(at + 10),
      packed: bytes.readUInt32LE(at + 20),
      local: bytes.readUInt32LE(at + 42),
      raw: bytes.toString("utf8", at + 46, at + 46 + nameLength),
    };
    at += 46 + nameLength + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
    if (!entry.raw.endsWith("/")) yield unpacked(bytes, entry, most);
  }
}

const endOfDirectory = Buffer.from([0x50, 0x4b, 0x05, 0x06]);

interface Entry {
  readonly flags: number;
  readonly method: number;
  readonly packed: number;
  readonly local: number;
  readonly raw: string;
}

function unpacked(bytes: Buffer, { flags, method, packed, local, raw }: Entry, most: number): Member {
  const name = memberName(raw);
  if ((flags & 1) === 1) return { name, problem: "encrypted: not read" };
  if (local + 30 > bytes.length) return { name, problem: "damaged: not read" };
  const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
  const data = bytes.subarray(start, start + packed);
  if (method === 0) return data.length > most ? { name, problem: "larger than the limit" } : { name, bytes: data };
  if (method !== 8) return { name, problem: `packed by method ${method}: not read` };
  try {
    return { name, bytes: inflateRawSync(data, { maxOutputLength: Math.max(most, 1) }) };
  } catch (error) {
    return { name, problem: zlibProblem(error) };
  }
}
