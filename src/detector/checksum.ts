import { crc32 } from "node:zlib";
import { classes } from "./template.ts";

/** `valid` and `invalid` are evidence; `not-applicable` where this variant of the format has none. */
export type ChecksumResult = "valid" | "invalid" | "not-applicable";

const base62 = classes["base62"] ?? "";

/** Named checks that a detector may ask for. They see the secret's text and say nothing else. */
export const checksums: Readonly<Record<string, (secret: string) => ChecksumResult>> = {
  /** GitHub (github.blog 2021-04-05) and npm: the last 6 characters are the CRC-32 of the part behind the prefix, in base62. */
  "crc32-base62": (secret) => {
    const body = secret.slice(secret.lastIndexOf("_") + 1);
    if (body.length < 12) return "not-applicable";
    return base62Of(crc32(body.slice(0, -6)), 6) === body.slice(-6) ? "valid" : "invalid";
  },
  /** Three base64url parts of which the first two are JSON objects (RFC 7519). */
  jwt: (secret) => {
    const [header, payload, signature] = secret.split(".");
    return signature !== undefined && isJsonObject(header) && isJsonObject(payload) ? "valid" : "invalid";
  },
  /** AWS access key id: base32 whose first bytes hold a 12-digit account id (detection.md §4.5). */
  "aws-account": (secret) => (/^A(KIA|SIA)[A-Z2-7]{16}$/.test(secret) ? "valid" : "not-applicable"),
};

export function base62Of(value: number, width: number): string {
  let rest = value;
  let text = "";
  while (rest > 0) {
    text = `${base62[rest % 62]}${text}`;
    rest = Math.floor(rest / 62);
  }
  return text.padStart(width, "0");
}

function isJsonObject(part: string | undefined): boolean {
  try {
    const value: unknown = JSON.parse(Buffer.from(part ?? "", "base64url").toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
