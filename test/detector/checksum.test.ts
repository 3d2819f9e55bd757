import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { describe, expect, test } from "vitest";
import { checksums } from "../../src/detector/checksum.ts";
import { marvin32, marvin64 } from "../../src/detector/marvin.ts";
import { expandTemplate, seededRandom } from "../../src/detector/template.ts";

const random = seededRandom("checksum");
const make = (template: string) => expandTemplate(template, random);
const check = (name: string, secret: string) => checksums[name]?.(secret);

/** The same text with its last letter or digit changed to another of the same kind. */
function broken(secret: string): string {
  const at = secret.search(/[A-Za-z0-9][^A-Za-z0-9]*$/);
  const letter = secret[at] ?? "";
  const other = /\d/.test(letter) ? (letter === "0" ? "1" : "0") : letter.toLowerCase() === "a" ? "b" : "a";
  return secret.slice(0, at) + (letter === letter.toUpperCase() ? other.toUpperCase() : other) + secret.slice(at + 1);
}

function digits(value: bigint, alphabet: string, width: number): string {
  const base = BigInt(alphabet.length);
  let text = "";
  for (let rest = value; text.length < width || rest > 0n; rest /= base) text = `${alphabet[Number(rest % base)]}${text}`;
  return text;
}

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const bytesOf = (value: number) => Buffer.from([value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24]);

const wellFormed: readonly [name: string, kind: string, secret: string][] = [
  ["crc32-base62", "GitHub", tail("ghp_", make("{alnum:30}"), (body) => digits(BigInt(crc32(body)), base62, 6))],
  [
    "crc32-base62",
    "Vercel with _ in its body",
    tail("vcp_", make("{b64url:24}_{b64url:25}"), (body) => digits(BigInt(crc32(body)), base62, 6)),
  ],
  ["crc32-hex", "Cloudflare", tail("cfut_", make("{alnum:40}"), (body) => crc32(body).toString(16).padStart(8, "0"))],
  ["crc32-le-hex", "Grafana", whole(`glsa_${make("{alnum:32}")}`, (text) => `_${bytesOf(crc32(text)).toString("hex")}`)],
  [
    "crc32-whole-hex",
    "Atlassian",
    whole(`ATATT3xFfGF0${make("{b64url:180}")}=`, (text) => crc32(text).toString(16).toUpperCase().padStart(8, "0")),
  ],
  ["crc32-base36", "GitLab", whole(`glpat-${make("{b64url:40}")}.01.ab`, (text) => crc32(text).toString(36).padStart(7, "0"))],
  ["crc32-le-base64", "Confluent", tail("cflt", make("{b64:54}"), (body) => bytesOf(crc32(body)).toString("base64").slice(0, 6))],
  [
    "github-sha256",
    "GitHub fine-grained",
    `${whole(`github_pat_${make("{alnum:22}")}_${make("{alnum:43}")}`, sha256)}${make("{alnum:8}")}`,
  ],
  ["azure-identifiable", "Azure Storage", identifiable("+ASt", 64, "Default0", 76)],
  ["azure-identifiable", "Azure Service Bus, listen only", identifiable("+ASb", 32, "Listen00", 33)],
];

function tail(prefix: string, body: string, sum: (body: string) => string): string {
  return `${prefix}${body}${sum(body)}`;
}

function whole(text: string, sum: (text: string) => string): string {
  return `${text}${sum(text)}`;
}

function sha256(text: string): string {
  const bits = [...createHash("sha256").update(text).digest()].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  return Array.from({ length: 8 }, (_, at) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[Number.parseInt(bits.slice(at * 5, at * 5 + 5), 2)]).join(
    "",
  );
}

/** A key of `size` bytes with its marker at a character offset; the last four bytes are the hash of those before. */
function identifiable(marker: string, size: number, seed: string, offset: number): string {
  const filled = `${make(`{b64:${offset}}`)}${marker}`;
  const start = Buffer.from(`${filled}${"A".repeat(Math.ceil((size * 4) / 3) - filled.length)}`, "base64").subarray(0, size - 4);
  return Buffer.concat([start, bytesOf(marvin32(start, seed))]).toString("base64");
}

test.each(wellFormed)("%s accepts a well-formed token of %s, and not one with a letter changed", (name, _, secret) => {
  expect(check(name, secret)).toBe("valid");
  const changed = name === "github-sha256" ? broken(secret.slice(0, 80)) + secret.slice(80) : broken(secret.replace(/=+$/, ""));
  expect(check(name, changed)).toBe("invalid");
});

describe("Azure's hash", () => {
  test("gives the published value for its test vector", () => {
    const { high, low } = marvin64(Buffer.from("abc"), 0xcd0893b7, 0xd53cd9ce);
    expect([high.toString(16), low.toString(16)]).toEqual(["22c74339", "492769bf"]);
  });

  test("checks the 84-character form over its first 80 characters", () => {
    const body = `${make("{alnum:52}")}JQQJ99${make("{alnum:18}")}ACOG`;
    const hash = bytesOf(marvin32(Buffer.from(body, "base64"), "Default0"));
    const zeros = hash.findIndex((byte) => byte !== 0);
    const text = `${"0".repeat(zeros)}${digits(BigInt(`0x${hash.toString("hex")}`), base62, 1)}`.padEnd(6, "0");
    expect(check("azure-annotated", `${body}${text.slice(0, 4)}`)).toBe("valid");
    expect(check("azure-annotated", broken(`${body}${text.slice(0, 4)}`))).toBe("invalid");
  });

  test("checks Entra secrets of the 8Q~ form; the older 7Q~ form has no checksum", () => {
    const start = `${make("{alnum:3}")}8Q~${make("{alnum:31}")}`;
    const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ1234567890.-_~";
    const sum = digits(BigInt(marvin32(Buffer.from(start), "AadPwd00")), alphabet, 6).slice(0, 3);
    expect(check("entra-client-secret", `${start}${sum}`)).toBe("valid");
    expect(check("entra-client-secret", `${start}${sum === "zzz" ? "aaa" : "zzz"}`)).toBe("invalid");
    expect(check("entra-client-secret", make("{alnum:3}7Q~{alnum:31}"))).toBe("not-applicable");
  });
});

test("a key without a marker has no checksum to fail", () => {
  expect(check("azure-identifiable", make("{alnum:86}=="))).toBe("not-applicable");
});

test("the checksum of bech32 is right on the vectors of BIP-173", () => {
  for (const text of ["A12UEL5L", "ABCDEF1QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LMQQQXW"]) {
    expect(check("age-bech32", text)).toBe("valid");
    expect(check("age-bech32", broken(text))).toBe("invalid");
  }
  expect(check("age-bech32", `AGE-SECRET-KEY-PQ-1${make("{uppernum:58}")}`)).toBe("not-applicable");
});

test("the checksum of an nkey is the CRC-16/XMODEM, whose check value is 0x31c3", () => {
  const bits = [...Buffer.from("123456789"), 0xc3, 0x31].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  const text = (bits.match(/.{1,5}/g) ?? [])
    .map((five) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[Number.parseInt(five.padEnd(5, "0"), 2)])
    .join("");
  expect(check("nkey", text)).toBe("valid");
  expect(check("nkey", `B${text.slice(1)}`)).toBe("invalid");
});

test.each<[string, string, string]>([
  ["base64-json", `glc_${Buffer.from(JSON.stringify({ o: "1", n: "a" })).toString("base64")}`, make("glc_eyJ{alnum:61}")],
  [
    "base64-json",
    `sntrys_${Buffer.from(JSON.stringify({ iat: 1 })).toString("base64")}_${make("{b64:43}")}`,
    make("sntrys_eyJ{alnum:61}_{b64:43}"),
  ],
  ["integer-bytes", `BBDC-${Buffer.from(`912345678901:${make("{alnum:20}")}`).toString("base64")}`, make("BBDC-{alnum:44}")],
])("what %s says of the structure", (name, right, wrong) => {
  expect(check(name, right)).toBe("valid");
  expect(check(name, wrong)).toBe("invalid");
});
