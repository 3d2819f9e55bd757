import type { ChecksumResult } from "./checksum.ts";
import { marvin32 } from "./marvin.ts";
import { classes } from "./template.ts";

/** The marker that stands before the last 6 characters of a key, and the seeds of its service: which one fits tells the permission. */
const seeds: Readonly<Record<string, readonly string[]>> = {
  "+ASt": ["Default0"],
  ACDb: ["MastRW00", "MastRO00"],
  "+ABa": ["AbAcct00"],
  "+AMC": ["Classic0"],
  APIM: ["Tenant00", "IoTHub00", "Gatewy00", "GitKey00"],
  "+ASb": ["Send0000", "Listen00", "Manage00"],
  "+AEh": ["Send0000", "Listen00", "Manage00"],
  "+ARm": ["Send0000", "Listen00", "Manage00"],
  AIoT: ["IoTHub00", "DpsKey00", "Device00"],
  AZEG: ["SendRecv"],
  "+ACR": ["ACRDflt0"],
  AzSe: ["PAdmin00", "Query000"],
  AzFu: ["Master00", "System00", "Functi00"],
};

/** Keys with a service marker: the last four bytes are the hash of the bytes before them, little-endian (detection.md §4.3). */
export function identifiableKey(secret: string): ChecksumResult {
  if (seeds[markerOf(secret)] === undefined || secret.length < 12) return "not-applicable";
  return seedOf(secret) === undefined ? "invalid" : "valid";
}

/** The seed that a key's checksum fits: it names what the key may do. */
export function seedOf(secret: string): string | undefined {
  const known = seeds[markerOf(secret)];
  if (known === undefined || secret.length < 12) return undefined;
  const bytes = Buffer.from(secret, /[-_]/.test(secret) ? "base64url" : "base64");
  const expected = bytes.readUInt32LE(bytes.length - 4);
  return known.find((seed) => marvin32(bytes.subarray(0, -4), seed) === expected);
}

function markerOf(secret: string): string {
  return secret.replace(/=+$/, "").slice(-10, -6);
}

/** The 84-character form: the hash over the first 80 characters, in base62 or base64 (detection.md §4.3). */
export function annotatedKey(secret: string): ChecksumResult {
  const bytes = Buffer.from(secret.slice(0, 80), "base64");
  const given = secret.slice(80).replace(/=+$/, "");
  if (bytes.length !== 60 || given.length < 4) return "not-applicable";
  const hash = Buffer.alloc(4);
  hash.writeUInt32LE(marvin32(bytes, "Default0"));
  if (base62Of(hash).startsWith(given) || hash.toString("base64").startsWith(given)) return "valid";
  return given.length === 4 ? "invalid" : "not-applicable";
}

/** Four bytes as one big-endian number in base62, a leading 0 for each leading zero byte, filled with 0 on the right to 6 digits. */
function base62Of(hash: Buffer): string {
  const digits = classes["base62"] ?? "";
  let text = "";
  for (let rest = hash.readUInt32BE(0); rest > 0; rest = Math.floor(rest / 62)) text = `${digits[rest % 62]}${text}`;
  const zeros = hash.findIndex((byte) => byte !== 0);
  return `${"0".repeat(Math.max(0, zeros))}${text}`.padEnd(6, "0");
}

const base66 = `${classes["lower"]}${classes["upper"]}1234567890.-_~`;

/** An Entra client secret of the `8Q~` form: its last three characters are the hash of the 37 before them in base 66. */
export function entraClientSecret(secret: string): ChecksumResult {
  if (secret.length !== 40 || secret.slice(3, 6) !== "8Q~") return "not-applicable";
  let text = "";
  for (let rest = marvin32(Buffer.from(secret.slice(0, 37), "latin1"), "AadPwd00"); rest > 0; rest = Math.floor(rest / 66))
    text = `${base66[rest % 66]}${text}`;
  return text.padStart(6, "a").startsWith(secret.slice(37)) ? "valid" : "invalid";
}
