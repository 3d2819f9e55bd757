import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { ConfigError } from "../errors.ts";
import { type IgnoreEntry, parseIgnore } from "../scan/ignore-file.ts";
import { parseBaseline, unknownSalts } from "../scan/suppress.ts";
import { type FingerprintKey, fingerprintKey, type Keyring, scopeSalt } from "../secret.ts";

/** What a repository says about its own scans: `.rekey/salt`, `.rekey/ignore.yml`, `.rekey/baseline` (contracts.md §2). */
export interface RepositoryRules {
  /** All are tried, the first is written. Without the file: SHA-256 of the scope. */
  readonly salts: readonly FingerprintKey[];
  readonly ignore: readonly IgnoreEntry[];
  readonly baseline: ReadonlySet<string>;
  /** What does not fit together, for a person: entries with an unknown salt are not applied. */
  readonly warnings: readonly string[];
}

export interface RepositoryConfig extends RepositoryRules {
  /** Absolute path of the repository's top, or of the scanned folder outside one. */
  readonly top: string;
  /** `host/owner/name` of `origin` in lower case, `.` where there is none. */
  readonly scope: string;
  readonly keyring: Keyring;
}

/** Pure: local scans give the working tree's texts, Actions mode those of the merge base, the App those of the default branch. */
export function repositoryRules(
  texts: { salt?: string | undefined; ignore?: string | undefined; baseline?: string | undefined; baselineFile?: string },
  scope: string,
): RepositoryRules {
  const written = texts.salt === undefined ? [] : parseSalt(texts.salt);
  const salts = written.length === 0 ? [scopeSalt(scope)] : written;
  const rules = {
    ignore: texts.ignore === undefined ? [] : parseIgnore(texts.ignore, ".rekey/ignore.yml"),
    baseline: parseBaseline(texts.baseline ?? "", texts.baselineFile ?? ".rekey/baseline"),
  };
  const foreign = unknownSalts(
    rules,
    salts.map(({ kid }) => kid),
  );
  const warnings = foreign.map((id) => `entries with salt ${id} are not applied: .rekey/salt has no such salt`);
  return { salts, ...rules, warnings };
}

/** The rules and keys for scanning a folder or file. Throws ConfigError with file and line. */
export function loadRepositoryConfig(
  folder: string,
  options: { baseline?: string | undefined; environment?: NodeJS.ProcessEnv } = {},
): RepositoryConfig {
  const top = topOf(resolve(folder));
  const scope = scopeOf(top);
  const rules = repositoryRules(
    {
      salt: read(join(top, ".rekey/salt")),
      ignore: read(join(top, ".rekey/ignore.yml")),
      baseline: options.baseline === undefined ? read(join(top, ".rekey/baseline")) : required(options.baseline),
      ...(options.baseline === undefined ? {} : { baselineFile: options.baseline }),
    },
    scope,
  );
  return { top, scope, keyring: { tenant: tenantKeys(options.environment ?? process.env), salts: rules.salts }, ...rules };
}

/** `.rekey/salt`: one 32-byte salt a line, in hexadecimal; `#` begins a comment. Throws ConfigError with the line. */
export function parseSalt(text: string): FingerprintKey[] {
  return text.split("\n").flatMap((raw, index) => {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) return [];
    if (!/^[0-9a-f]{64}$/.test(line))
      throw new ConfigError("expected 64 hexadecimal characters (32 bytes) a line", { file: ".rekey/salt", line: index + 1 });
    return [fingerprintKey(Buffer.from(line, "hex"))];
  });
}

/** Makes `.rekey/salt` where there is none, so that committed fingerprints can be written. Returns the salts. */
export function ensureSalt(top: string): FingerprintKey[] {
  const file = join(top, ".rekey/salt");
  const known = parseSalt(read(file) ?? "");
  if (known.length > 0) return known;
  mkdirSync(dirname(file), { recursive: true });
  const text = `${randomBytes(32).toString("hex")}\n`;
  writeFileSync(file, text, { flag: "a" });
  const attributes = join(top, ".rekey/.gitattributes");
  if (read(attributes) === undefined) writeFileSync(attributes, "salt merge=union\nbaseline merge=union\n");
  return parseSalt(text);
}

/**
 * `REKEY_FINGERPRINT_KEY`, or `…_FILE`, or `$XDG_CONFIG_HOME/rekey/fingerprint.key`, made at first use with mode 0600. Under
 * `CI=true` none is made: `fingerprint` then is the committed form. The first key is written, older ones follow.
 */
export function tenantKeys(environment: NodeJS.ProcessEnv): FingerprintKey[] {
  const given = environment["REKEY_FINGERPRINT_KEY"];
  if (given !== undefined && given !== "") return keysOf(given, "REKEY_FINGERPRINT_KEY");
  const named = environment["REKEY_FINGERPRINT_KEY_FILE"];
  if (named !== undefined && named !== "") return keysOf(required(named), named);
  const file = join(environment["XDG_CONFIG_HOME"] || join(homedir(), ".config"), "rekey/fingerprint.key");
  const known = read(file);
  if (known !== undefined) {
    if (process.platform !== "win32" && (statSync(file).mode & 0o077) !== 0)
      throw new ConfigError(`others may read the fingerprint key; run chmod 600 '${file}'`, { file });
    return keysOf(known, file);
  }
  return environment["CI"] === "true" ? [] : [makeKey(file)];
}

function makeKey(file: string): FingerprintKey {
  const key = randomBytes(32);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  try {
    writeFileSync(file, `${key.toString("hex")}\n`, { mode: 0o600, flag: "wx" });
    return fingerprintKey(key);
  } catch (error) {
    // another scan made it at the same moment: that one counts
    const [first] = isCode(error, ["EEXIST"]) ? keysOf(required(file), file) : [];
    if (first !== undefined) return first;
    throw new ConfigError("the fingerprint key cannot be written; set REKEY_FINGERPRINT_KEY_FILE to a place that can", {
      file,
      cause: error,
    });
  }
}

function keysOf(text: string, file: string): FingerprintKey[] {
  const keys = text.split(/[\s,]+/).filter(Boolean);
  const wrong = keys.length === 0 || keys.some((key) => !/^(?:[0-9a-f]{2}){32,}$/i.test(key));
  if (wrong) throw new ConfigError("expected fingerprint keys of at least 64 hexadecimal characters (openssl rand -hex 32)", { file });
  return keys.map((key) => fingerprintKey(Buffer.from(key, "hex")));
}

/** The nearest folder upwards that holds `.git`; without one, the folder itself. */
function topOf(path: string): string {
  const start = statSync(path, { throwIfNoEntry: false })?.isDirectory() === false ? dirname(path) : path;
  for (let at = start; ; at = dirname(at)) {
    if (statSync(join(at, ".git"), { throwIfNoEntry: false }) !== undefined) return at;
    if (dirname(at) === at) return start;
  }
}

/** Read from the config file itself: git is not needed to know the origin. */
function scopeOf(top: string): string {
  const config = read(join(gitFolder(top), "config")) ?? "";
  const url = /\[remote "origin"\][^[]*?\n\s*url\s*=\s*(\S+)/.exec(config)?.[1];
  return scopeOfAddress(url ?? "");
}

/** `host/owner/name` in lower case of a repository's address; `.` where it has none. */
export function scopeOfAddress(address: string): string {
  const [, host, path] = /^(?:[a-z+]+:\/\/)?(?:[^@/\s]*@)?([\w.-]+)(?::\d+)?[:/](.+?)(?:\.git)?\/?$/i.exec(address) ?? [];
  return host === undefined || path === undefined || address.startsWith("/") || address.startsWith(".")
    ? "."
    : `${host}/${path}`.toLowerCase();
}

/** In a linked work tree `.git` is a file that names a folder, which names the common one. */
function gitFolder(top: string): string {
  const git = join(top, ".git");
  if (statSync(git, { throwIfNoEntry: false })?.isDirectory() !== false) return git;
  const own = resolve(top, /^gitdir: (.+)$/m.exec(read(git) ?? "")?.[1] ?? git);
  return resolve(own, read(join(own, "commondir"))?.trim() ?? ".");
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (isCode(error, ["ENOENT", "ENOTDIR"])) return undefined;
    throw new ConfigError("cannot be read", { file, cause: error });
  }
}

function required(file: string): string {
  const text = read(file);
  if (text === undefined) throw new ConfigError("no such file", { file });
  return text;
}

function isCode(error: unknown, codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}
