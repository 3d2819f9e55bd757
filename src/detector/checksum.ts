import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { annotatedKey, entraClientSecret, identifiableKey } from "./azure-checksum.ts";
import { classes } from "./template.ts";

/** `valid` and `invalid` are evidence; `not-applicable` where this variant of the format has none. */
export type ChecksumResult = "valid" | "invalid" | "not-applicable";

/**
 * Named checks that a detector may ask for (detection.md §4). They see the secret's text and say nothing else. A right checksum
 * proves the shape, not that the key lives; a wrong one lowers the confidence and never hides a finding.
 */
export const checksums: Readonly<Record<string, (secret: string) => ChecksumResult>> = {
  /** GitHub (github.blog 2021-04-05), npm and Vercel: the last 6 characters are the CRC-32 of what stands behind the prefix, in base62. */
  "crc32-base62": (secret) => {
    const body = secret.slice(secret.indexOf("_") + 1);
    return body.length < 12 ? "not-applicable" : verdict(inBase(62, crc32(body.slice(0, -6)), 6) === body.slice(-6));
  },
  /** GitHub's fine-grained tokens: 8 characters of the base32 SHA-256 of the first 77 characters stand behind those. */
  "github-sha256": (secret) =>
    verdict(base32(createHash("sha256").update(secret.slice(0, 77)).digest()).slice(0, 8) === secret.slice(77, 85)),
  /** Cloudflare: the CRC-32 of the body as 8 hexadecimal digits. */
  "crc32-hex": (secret) => verdict(hex(crc32(secret.slice(secret.indexOf("_") + 1, -8))) === secret.slice(-8)),
  /** Grafana service accounts: the CRC-32 of all before the last `_`, prefix included, its bytes in little-endian order. */
  "crc32-le-hex": (secret) => verdict(littleEndian(crc32(secret.slice(0, secret.lastIndexOf("_")))).toString("hex") === secret.slice(-8)),
  /** Atlassian: the CRC-32 of everything before it, prefix and `=` included, in upper-case hexadecimal. */
  "crc32-whole-hex": (secret) => verdict(hex(crc32(secret.slice(0, -8))).toUpperCase() === secret.slice(-8)),
  /** GitLab's routable tokens: the CRC-32 of everything before the last 7 characters, in base36. */
  "crc32-base36": (secret) => verdict(inBase(36, crc32(secret.slice(0, -7)), 7) === secret.slice(-7)),
  /** Confluent Cloud: 54 characters behind `cflt`, then the first 6 of the base64 of their CRC-32. */
  "crc32-le-base64": (secret) =>
    verdict(
      littleEndian(crc32(secret.slice(4, -6)))
        .toString("base64")
        .slice(0, 6) === secret.slice(-6),
    ),
  "azure-identifiable": identifiableKey,
  "azure-annotated": annotatedKey,
  "entra-client-secret": entraClientSecret,
  /** Three base64url parts of which the first two are JSON objects (RFC 7519). */
  jwt: (secret) => {
    const [header, payload, signature] = secret.split(".");
    return verdict(signature !== undefined && isJsonObject(header) && isJsonObject(payload));
  },
  /** age (age-encryption.org/v1): bech32 over the lower-cased text, without its limit of length. The post-quantum form is left alone. */
  "age-bech32": (secret) => (secret.startsWith("AGE-SECRET-KEY-PQ-") ? "not-applicable" : verdict(bech32(secret.toLowerCase()) === 1)),
  /** NATS (nats-io/nkeys): the last two bytes are the CRC-16/XMODEM of those before them, little-endian. */
  nkey: (secret) => {
    const bytes = fromBase32(secret);
    return verdict(bytes.length > 2 && crc16(bytes.subarray(0, -2)) === bytes.readUInt16LE(bytes.length - 2));
  },
  /** Behind the prefix stands a JSON object in base64, up to the next `_` or the end: Sentry, Grafana Cloud, 1Password. */
  "base64-json": (secret) => verdict(isJsonObject(/^[a-z]+_([\w+/=-]+?)(?:_[A-Za-z0-9+/]{43})?$/.exec(secret)?.[1])),
  /** Bitbucket and Jira Data Center: base64 of a number, a colon and random bytes. */
  "integer-bytes": (secret) => verdict(/^[1-9]\d{3,}:/.test(Buffer.from(secret.replace(/^BBDC-/, ""), "base64").toString("latin1"))),
  /** Base64 of a password, all of it printable: what npm keeps behind `_password`. */
  "base64-text": (secret) => verdict(/^[\x21-\x7e]{4,}$/.test(Buffer.from(secret, "base64").toString("latin1"))),
  /** Base64 of `user:password`, all of it printable. */
  "basic-credentials": (secret) =>
    verdict(/^[^\s:]{0,256}:[\x20-\x7e\u00a0-\uffff]{3,}$/.test(Buffer.from(secret, "base64").toString("utf8"))),
};

function verdict(right: boolean): ChecksumResult {
  return right ? "valid" : "invalid";
}

/** In base 36 the digits are 0-9a-z, in base 62 0-9A-Za-z, the highest first. */
function inBase(base: 36 | 62, value: number, width: number): string {
  if (base === 36) return value.toString(36).padStart(width, "0");
  const digits = classes["base62"] ?? "";
  let text = "";
  for (let rest = value; rest > 0; rest = Math.floor(rest / 62)) text = `${digits[rest % 62]}${text}`;
  return text.padStart(width, "0");
}

/** The checksum of bech32 (BIP-173), which is 1 where the text is right. */
function bech32(text: string): number {
  const split = text.lastIndexOf("1");
  const prefix = [...text.slice(0, split)].map((letter) => letter.charCodeAt(0));
  const data = [...text.slice(split + 1)].map((letter) => "qpzry9x8gf2tvdw0s3jn54khce6mua7l".indexOf(letter));
  const generators = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
  let sum = 1;
  for (const value of [...prefix.map((code) => code >> 5), 0, ...prefix.map((code) => code & 31), ...data]) {
    const top = sum >>> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ value;
    for (const [bit, generator] of generators.entries()) if ((top >> bit) & 1) sum ^= generator;
  }
  return sum >>> 0;
}

function fromBase32(text: string): Buffer {
  const bits = [...text].map((letter) => (classes["B32"] ?? "").indexOf(letter).toString(2).padStart(5, "0")).join("");
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}

function crc16(bytes: Uint8Array): number {
  let sum = 0;
  for (const byte of bytes) {
    sum ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) sum = (sum & 0x8000) === 0 ? (sum << 1) & 0xffff : ((sum << 1) ^ 0x1021) & 0xffff;
  }
  return sum;
}

function hex(value: number): string {
  return value.toString(16).padStart(8, "0");
}

function littleEndian(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function base32(bytes: Uint8Array): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  return (bits.match(/.{5}/g) ?? []).map((five) => classes["B32"]?.[Number.parseInt(five, 2)]).join("");
}

function isJsonObject(part: string | undefined): boolean {
  try {
    const value: unknown = JSON.parse(Buffer.from(part ?? "", "base64url").toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
