import { createHash, createHmac, createPrivateKey, timingSafeEqual } from "node:crypto";

/**
 * A secret value in memory. It cannot be printed, logged or serialized by accident: `toString`, `toJSON` and
 * `util.inspect` all give a fixed word. Call `wipe()` when done.
 */
export class Secret {
  #bytes: Buffer;

  private constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Copies: the caller's buffer stays the caller's. */
  static from(value: string | Uint8Array): Secret {
    return new Secret(typeof value === "string" ? Buffer.from(value, "utf8") : Buffer.from(value));
  }

  /** The value as UTF-8 text. Only for the line that sends or hashes it. */
  reveal(): string {
    return this.#bytes.toString("utf8");
  }

  get byteLength(): number {
    return this.#bytes.length;
  }

  wipe(): void {
    this.#bytes.fill(0);
    this.#bytes = Buffer.alloc(0);
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return "[secret]";
  }
}

/**
 * The canonical bytes that are fingerprinted, so that one credential has one fingerprint wherever it stands
 * (contracts.md §2): trimmed; PEM → DER (PKCS#8); a key file in JSON → its private key; a URL → its percent-decoded password.
 */
export function normalize(secret: Secret): Buffer {
  const text = secret.reveal().trim();
  if (text.startsWith("{")) {
    const privateKey = privateKeyOfJson(text);
    if (privateKey !== undefined) return derOfPem(privateKey) ?? Buffer.from(privateKey.trim());
  }
  if (text.startsWith("-----BEGIN ")) return derOfPem(text) ?? Buffer.from(text.replaceAll("\r\n", "\n"));
  const password = /^[a-z][a-z0-9+.-]{1,30}:\/\/[^\s/@]*:([^\s@]+)@/i.exec(text)?.[1];
  if (password !== undefined) return Buffer.from(percentDecoded(password));
  return Buffer.from(text);
}

function privateKeyOfJson(text: string): string | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== "object" || parsed === null || !("private_key" in parsed)) return undefined;
    return typeof parsed.private_key === "string" ? parsed.private_key : undefined;
  } catch {
    return undefined;
  }
}

function derOfPem(pem: string): Buffer | undefined {
  try {
    return createPrivateKey(pem.replaceAll("\\n", "\n")).export({ type: "pkcs8", format: "der" });
  } catch {
    return undefined; // encrypted, or a format that OpenSSL does not read: the text itself identifies it
  }
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** One HMAC key: `kid` is the first 8 hex characters of SHA-256 of the key. */
export interface FingerprintKey {
  readonly kid: string;
  readonly key: Buffer;
}

export function fingerprintKey(key: Buffer): FingerprintKey {
  if (key.length < 32) throw new RangeError(`a fingerprint key has at least 32 bytes, this one has ${key.length}`);
  return { kid: createHash("sha256").update(key).digest("hex").slice(0, 8), key };
}

/**
 * The keys that turn values into fingerprints. `current` and `old` are the tenant's (contracts.md §2), the newest first;
 * `salts` are the repository's for everything that is committed or shared (`rs1`), the first is the one that is written.
 * Without a tenant key (`CI=true`) `fingerprint` is the committed form.
 */
export interface Keyring {
  readonly tenant: readonly FingerprintKey[];
  readonly salts: readonly FingerprintKey[];
}

/** `fp1:<kid>:<base64url(HMAC-SHA-256(key, normalize(secret)))>`; the committed form where the keyring has no tenant key. */
export function fingerprint(secret: Secret, keyring: Keyring): string {
  const key = keyring.tenant[0];
  return key === undefined ? committedFingerprint(secret, keyring) : `fp1:${key.kid}:${hmac(key, secret)}`;
}

/** `rs1:<first 8 hex of SHA-256(salt)>:<base64url HMAC>`. Throws a RangeError where the keyring has no salt. */
export function committedFingerprint(secret: Secret, keyring: Keyring): string {
  const salt = keyring.salts[0];
  if (salt === undefined) throw new RangeError("the keyring has no salt; give it the repository's, or SHA-256 of the scope");
  return `rs1:${salt.kid}:${hmac(salt, secret)}`;
}

/** Every form in which this value may have been written down: all tenant keys, all salts. */
export function allFingerprints(secret: Secret, keyring: Keyring): string[] {
  return [
    ...keyring.tenant.map((key) => `fp1:${key.kid}:${hmac(key, secret)}`),
    ...keyring.salts.map((salt) => `rs1:${salt.kid}:${hmac(salt, secret)}`),
  ];
}

/** The same value under the tenant's older keys. */
export function olderFingerprints(secret: Secret, { tenant }: Keyring): string[] {
  return tenant.slice(1).map((key) => `fp1:${key.kid}:${hmac(key, secret)}`);
}

/**
 * A gateway names a key by its SHA-256 in hexadecimal (LiteLLM). The same hash made from a value, under the newest tenant key: what is
 * stored is never the bare hash, by which a guess could be tested.
 */
export function hashFingerprint(secret: Secret, keyring: Keyring): string {
  return fingerprint(Secret.from(createHash("sha256").update(secret.reveal().trim()).digest("hex")), keyring);
}

/** What `hashFingerprint` may have given for the value of this hash, under every tenant key. */
export function fingerprintsOfHash(hash: string, keyring: Keyring): string[] {
  return allFingerprints(Secret.from(hash), { ...keyring, salts: [] });
}

/** Whether this value is the one with that fingerprint; `false` also where the keyring lacks its key. */
export function hasFingerprint(secret: Secret, expected: string, keyring: Keyring): boolean {
  return allFingerprints(secret, keyring).some(
    (own) => own.length === expected.length && timingSafeEqual(Buffer.from(own), Buffer.from(expected)),
  );
}

/** The salt of a scope that has no `.rekey/salt`: SHA-256 of the scope (contracts.md §2). */
export function scopeSalt(scope: string): FingerprintKey {
  return fingerprintKey(createHash("sha256").update(scope).digest());
}

function hmac(key: FingerprintKey, secret: Secret): string {
  return createHmac("sha256", key.key).update(normalize(secret)).digest("base64url");
}
