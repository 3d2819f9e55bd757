import { generateKeyPairSync, randomBytes } from "node:crypto";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import {
  allFingerprints,
  committedFingerprint,
  fingerprint,
  fingerprintKey,
  hasFingerprint,
  type Keyring,
  Secret,
  scopeSalt,
} from "../src/secret.ts";

const keyring: Keyring = { tenant: [fingerprintKey(Buffer.alloc(32, 1))], salts: [scopeSalt("github.com/acme/app")] };
const print = (value: string) => fingerprint(Secret.from(value), keyring);

test("a secret cannot be printed by accident", () => {
  const value = randomBytes(24).toString("hex");
  const secret = Secret.from(value);
  const printed = [String(secret), JSON.stringify({ secret }), inspect({ secret }, { depth: 9, showHidden: true }), `${secret}`].join("\n");
  expect(printed).not.toContain(value);
  expect(secret.reveal()).toBe(value);
});

test("wiping leaves nothing to reveal", () => {
  const secret = Secret.from("generated");
  secret.wipe();
  expect(secret.reveal()).toBe("");
});

describe("one credential has one fingerprint wherever it stands", () => {
  test("white space around it does not count", () => expect(print("abc-def\n")).toBe(print("  abc-def")));

  test("a URL counts by its decoded password", () => {
    expect(print("postgres://app:p%40ss-word@db:5432/app")).toBe(print("p@ss-word"));
    expect(print("postgres://app:other@db:5432/app")).not.toBe(print("p@ss-word"));
  });

  test("a PEM key counts by its DER, however it is wrapped, and so does the key file around it", () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const pkcs8 = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const sec1 = privateKey.export({ type: "sec1", format: "pem" }).toString();
    expect(print(sec1)).toBe(print(pkcs8));
    expect(print(pkcs8.replaceAll("\n", "\\n"))).toBe(print(pkcs8));
    expect(print(JSON.stringify({ type: "service_account", private_key: pkcs8 }))).toBe(print(pkcs8));
  });

  test("a broken PEM or JSON is still one value", () => {
    expect(print("{not json")).toMatch(/^fp1:/);
    expect(print("-----BEGIN X-----\nabc")).toBe(print("-----BEGIN X-----\r\nabc"));
  });
});

test("the committed form does not depend on the tenant's key, the tenant's form not on the salt", () => {
  const other: Keyring = { tenant: [fingerprintKey(Buffer.alloc(32, 2))], salts: keyring.salts };
  const secret = Secret.from("value");
  expect(committedFingerprint(secret, other)).toBe(committedFingerprint(secret, keyring));
  expect(fingerprint(secret, other)).not.toBe(fingerprint(secret, keyring));
  expect(fingerprint(secret, { tenant: [], salts: keyring.salts })).toBe(committedFingerprint(secret, keyring));
});

test("a rotated fingerprint key still recognises what the old one wrote", () => {
  const secret = Secret.from("value");
  const written = fingerprint(secret, keyring);
  const rotated: Keyring = { tenant: [fingerprintKey(Buffer.alloc(32, 3)), ...keyring.tenant], salts: keyring.salts };
  expect(hasFingerprint(secret, written, rotated)).toBe(true);
  expect(hasFingerprint(Secret.from("valuf"), written, rotated)).toBe(false);
  expect(allFingerprints(secret, rotated)).toHaveLength(3);
});

test("a short fingerprint key is refused", () =>
  expect(() => fingerprintKey(Buffer.alloc(31))).toThrow(/at least 32 bytes, this one has 31/));
