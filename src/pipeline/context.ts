import type { ServerConfig } from "../config/server.ts";
import type { Ruleset } from "../detector/compile.ts";
import { connectionType, type Driver, type DriverContext, type Sink } from "../driver.ts";
import type { GitHubClient } from "../github/client.ts";
import type { Fields } from "../github/envelope.ts";
import type { Job } from "../github/job-token.ts";
import type { Log } from "../log.ts";
import type { Playbook } from "../playbook/schema.ts";
import { guidedDriver } from "../provider/guided.ts";
import type { FingerprintKey, Secret } from "../secret.ts";
import type { Database } from "../store/database.ts";
import type { Queue } from "../store/queue.ts";

/** GitHub as `app.ts` gives it: events in, authenticated clients out. */
export interface RekeyApp {
  /** Hands a stored envelope to the handlers. */
  receive(envelope: { guid: string; event: string; fields: Fields; receivedAt: string }): Promise<void>;
  /** The client of one job in one repository; its installation's throttle, never one for all tenants. */
  client(of: { readonly installation: number; readonly id: number }, job: Job): Promise<GitHubClient>;
  /** The client of the App itself, for its own deliveries. */
  appClient(): Promise<GitHubClient>;
  /** A token for git over HTTP, which may read the code of this repository. */
  token(of: { readonly installation: number; readonly id: number }): Promise<string>;
  /** What the installation may do has changed. */
  forgetTokens(installation: number): void;
}

/** Everything that the product runs on, made once at the start. */
export interface Rekey {
  readonly config: ServerConfig;
  readonly database: Database;
  readonly queue: Queue;
  readonly ruleset: Ruleset;
  readonly playbooks: readonly Playbook[];
  readonly fingerprintKeys: readonly FingerprintKey[];
  readonly drivers: readonly Driver[];
  readonly sinkFor: (connectionType: string) => Sink | undefined;
  /** The credential of a connection, read anew each time. */
  readonly credential: (reference: string) => Secret;
  readonly log: Log;
  /** Absent without `github:` in the configuration. */
  app?: RekeyApp;
}

/** GitHub's host name, the first part of scopes and tenants. */
export function githubHost({ config }: Rekey): string {
  return new URL(config.github?.web ?? "https://github.com").host;
}

/** The driver that serves a detector's credentials; without one, what a person does and what the detector's own check can see. */
export function driverOf(rekey: Rekey, detector: string): Driver | undefined {
  const driver = rekey.drivers.find(({ manifest }) => manifest.onlyIfNamed !== true && manifest.detectors.includes(detector));
  if (driver !== undefined) return driver;
  const declared = rekey.ruleset.detectors.find((compiled) => compiled.detector.id === detector);
  return declared === undefined ? undefined : guidedDriver(declared.detector);
}

/**
 * The connection of a driver: the one that administers the host that the credential names, else the first of its type in the
 * configuration.
 */
export function connectionOf(rekey: Rekey, driver: Driver, attributes: Readonly<Record<string, string>> = {}): string | undefined {
  const type = connectionType(driver.manifest);
  const { connections } = rekey.config;
  const all = Object.entries(connections).filter(([, connection]) => connection.type === type);
  const host = hostIn(attributes);
  const target = targetOf(rekey, driver, attributes)?.connection;
  if (target !== undefined && connections[target]?.type === type) return target;
  return (all.find(([, { host: of }]) => host !== undefined && sameHost(of, host)) ?? all[0])?.[0];
}

/** The entry of `targets` that names the host of the credential. */
export function targetOf(
  rekey: Rekey,
  driver: Driver,
  attributes: Readonly<Record<string, string>>,
): ServerConfig["targets"][number] | undefined {
  const host = hostIn(attributes);
  const type = connectionType(driver.manifest);
  return host === undefined
    ? undefined
    : rekey.config.targets.find((target) => target.type === type && target.hosts.some((of) => sameHost(of, host)));
}

/** Host and credential for a driver or sink. Without a connection: the vendor's public host, for probes and possession-kill only. */
export function contextOf(rekey: Pick<Rekey, "config" | "credential">, name: string | undefined, driver?: Driver): DriverContext {
  const connection = name === undefined ? undefined : rekey.config.connections[name];
  const targets = driver === undefined ? {} : { targets: targetsOf(rekey, driver) };
  if (connection === undefined) return { host: `https://${driver?.manifest.hosts[0] ?? "invalid.invalid"}`, timeout: 20_000, ...targets };
  return {
    host: connection.host,
    timeout: 20_000,
    mounts: connection.mounts,
    ...targets,
    ...(connection.credential === undefined ? {} : { credential: rekey.credential(connection.credential) }),
    ...(connection.auth === undefined ? {} : { login: connection.auth }),
  };
}

/** contracts.md §4, pins of a type: the manifest's hosts, the connections' and the configured targets. Never a finding's. */
function targetsOf({ config }: Pick<Rekey, "config">, { manifest }: Driver): string[] {
  const type = connectionType(manifest);
  return [
    ...manifest.hosts,
    ...Object.values(config.connections).flatMap((connection) => (connection.type === type ? [hostOf(connection.host)] : [])),
    ...config.targets.flatMap((target) => (target.type === type ? target.hosts : [])),
  ];
}

/** `host:port` of what a credential says about itself. */
function hostIn({ host, port }: Readonly<Record<string, string>>): string | undefined {
  return host === undefined ? undefined : port === undefined ? host : `${host}:${port}`;
}

/** `https://host:port/path`, `postgresql://host/db` or `host:port` → `host:port`. */
function hostOf(address: string): string {
  return (
    address
      .replace(/^[a-z][a-z0-9+.-]*:\/\//i, "")
      .replace(/^[^@/]*@/, "")
      .split(/[/?]/, 1)[0] ?? address
  );
}

/** A target without a port means every port. */
function sameHost(target: string, host: string): boolean {
  const [wanted, given] = [hostOf(target).toLowerCase(), host.toLowerCase()];
  return wanted === given || (!/:\d+$/.test(wanted) && given.replace(/:\d+$/, "") === wanted);
}
