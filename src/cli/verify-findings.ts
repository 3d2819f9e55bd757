import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Ruleset } from "../detector/compile.ts";
import type { Document } from "../document.ts";
import type { Driver, DriverContext } from "../driver.ts";
import { UsageError } from "../errors.ts";
import { credentialKey, type Finding } from "../finding.ts";
import { type DeclaredIdentities, declaredPath, parseIdentitiesFile } from "../identity/declared.ts";
import { honeytokenOf } from "../identity/honeytoken.ts";
import { Secret } from "../secret.ts";

/** `--verify-host <provider>=<host[:port]>`: the servers to which a person allows values of a provider to be sent. */
export type AllowedHosts = ReadonlyMap<string, readonly string[]>;

/** Throws UsageError for a provider that no detector names, or what is no host. */
export function parseAllowedHosts(given: readonly string[], { detectors }: Ruleset): AllowedHosts {
  const allowed = new Map<string, string[]>();
  for (const text of given) {
    const [, provider = "", host] =
      /^([a-z0-9-]+)=((?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::\d{1,5})?)$/.exec(text) ?? [];
    if (host === undefined) throw new UsageError(`--verify-host: expected provider=host or provider=host:port, got '${text}'`);
    if (!detectors.some((rule) => rule.provider === provider))
      throw new UsageError(`--verify-host: no detector has the provider '${provider}'; rekey scan --format json names it for each finding`);
    if (/^169\.254\.|^\[fe80:/i.test(host)) throw new UsageError(`--verify-host: ${host} is a link-local address, which is never asked`);
    allowed.set(provider, [...(allowed.get(provider) ?? []), host.toLowerCase()]);
  }
  return allowed;
}

interface Seen {
  readonly secret: Secret;
  readonly beside: readonly string[];
}

/** The values of what a scan finds, in memory only: the caller wipes them. */
export class SeenValues {
  readonly #allowed: AllowedHosts;
  readonly #seen = new Map<string, Seen>();

  constructor(allowed: AllowedHosts) {
    this.#allowed = allowed;
  }

  /** What `scan` calls with each value. */
  readonly add = (finding: Finding, secret: Secret, document: Document): void => {
    const key = keyOf(finding);
    const known = this.#seen.get(key);
    const beside = hostsBeside(document.bytes, finding, this.#allowed.get(finding.provider) ?? []);
    this.#seen.set(key, {
      secret: known?.secret ?? Secret.from(secret.reveal()),
      beside: [...new Set([...(known?.beside ?? []), ...beside])],
    });
  };

  of(finding: Finding): Seen | undefined {
    return this.#seen.get(keyOf(finding));
  }

  wipe(): void {
    for (const { secret } of this.#seen.values()) secret.wipe();
    this.#seen.clear();
  }
}

/** Bytes before and behind a value in which a server's name counts as standing beside it. */
const near = 2048;

function hostsBeside(bytes: Uint8Array, { locator }: Finding, allowed: readonly string[]): string[] {
  if (allowed.length === 0) return [];
  const around = bytes.subarray(Math.max(0, locator.byteStart - near), locator.byteEnd + near);
  const text = Buffer.from(around).toString("latin1").toLowerCase();
  return allowed.filter((host) => new RegExp(`(?<![a-z0-9.-])${RegExp.escape(host)}(?![a-z0-9-]|\\.[a-z0-9])`).test(text));
}

export interface VerifyRun {
  readonly values: SeenValues;
  readonly ruleset: Ruleset;
  /** Where `.rekey/identities.yml` may stand. */
  readonly top: string;
  readonly progress: boolean;
  /** rekey.yml, whose connections look values up by their hash. */
  readonly config?: string | undefined;
}

/** The findings with what their vendors say of them: one call for each credential, however often it stands somewhere. Ctrl-C ends the asking. */
export async function verifiedFindings(
  findings: readonly Finding[],
  { values, ruleset, top, progress, config }: VerifyRun,
): Promise<Finding[]> {
  const { verify } = await import("../provider/verify.ts");
  const declared = declaredAt(top);
  const rules = new Map(ruleset.detectors.map((rule) => [rule.detector.id, rule]));
  const groups = [...Map.groupBy(findings, keyOf).values()];
  const all = groups.flatMap((group) => {
    const [finding] = group;
    const seen = finding === undefined ? undefined : values.of(finding);
    if (finding === undefined || seen === undefined) return [];
    return [{ finding, ...seen, bait: group.map((one) => honeytokenOf(one, declared)?.text).find((reason) => reason !== undefined) }];
  });
  const connection = config === undefined ? undefined : await connectionsOf(config);
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  process.once("SIGINT", interrupt);
  try {
    const answers = await verify(all, {
      rule: (detector) => rules.get(detector),
      sleep: (milliseconds) => pause(milliseconds, undefined, { signal: stop.signal }).catch(() => undefined),
      now: () => new Date().toISOString(),
      signal: stop.signal,
      ...(connection === undefined ? {} : { connection }),
      ...(progress ? { onProgress: (done, of) => process.stderr.write(`\r\x1b[Kverified ${done} of ${of}`) } : {}),
    });
    if (progress) process.stderr.write("\r\x1b[K");
    if (stop.signal.aborted) process.stderr.write("rekey scan: stopped asking; what was not asked is 'unknown'\n");
    const byKey = new Map(all.map(({ finding }, index) => [keyOf(finding), answers[index]]));
    return findings.map((finding) => ({ ...finding, ...(byKey.get(keyOf(finding)) ?? { validity: "unknown" }) }));
  } finally {
    process.removeListener("SIGINT", interrupt);
  }
}

async function connectionsOf(file: string): Promise<(driver: Driver) => DriverContext | undefined> {
  const [{ loadServerConfig, readReference }, { connectionType }, { contextOf }] = await Promise.all([
    import("../config/server.ts"),
    import("../driver.ts"),
    import("../pipeline/context.ts"),
  ]);
  const config = loadServerConfig(file);
  return (driver) => {
    const type = connectionType(driver.manifest);
    const [name] = Object.entries(config.connections).find((entry) => entry[1].type === type) ?? [];
    return name === undefined ? undefined : contextOf({ config, credential: (reference) => readReference(reference) }, name, driver);
  };
}

function keyOf(finding: Finding): string {
  return `${finding.detector}|${credentialKey(finding)}`;
}

function declaredAt(top: string): DeclaredIdentities | undefined {
  const file = join(top, declaredPath);
  return existsSync(file) ? parseIdentitiesFile(readFileSync(file, "utf8"), declaredPath) : undefined;
}
