import type { ServerConfig } from "../config/server.ts";
import type { Ruleset } from "../detector/compile.ts";
import { connectionType, type Driver, type DriverContext, type Sink } from "../driver.ts";
import type { GitHubClient } from "../github/client.ts";
import type { Fields } from "../github/envelope.ts";
import type { Log } from "../log.ts";
import type { Playbook } from "../playbook/schema.ts";
import type { FingerprintKey, Secret } from "../secret.ts";
import type { Database } from "../store/database.ts";
import type { Queue } from "../store/queue.ts";

/** GitHub as `app.ts` gives it: events in, authenticated clients out. */
export interface RekeyApp {
  /** Hands a stored envelope to the handlers. */
  receive(envelope: { guid: string; event: string; fields: Fields; receivedAt: string }): Promise<void>;
  /** The client of one installation: its own throttle, never one for all tenants. */
  client(installation: number): Promise<GitHubClient>;
  /** A token for git over HTTP. */
  token(installation: number): Promise<string>;
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

export function driverOf(rekey: Rekey, detector: string): Driver | undefined {
  return rekey.drivers.find(({ manifest }) => manifest.detectors.includes(detector));
}

/** The connection of a driver: the first of its type in the configuration. */
export function connectionOf(rekey: Rekey, driver: Driver): string | undefined {
  const type = connectionType(driver.manifest);
  return Object.entries(rekey.config.connections).find(([, connection]) => connection.type === type)?.[0];
}

/** Host and credential for a driver or sink. Without a connection: the vendor's public host, for probes and possession-kill only. */
export function contextOf(rekey: Rekey, name: string | undefined, driver?: Driver): DriverContext {
  const connection = name === undefined ? undefined : rekey.config.connections[name];
  if (connection === undefined) return { host: `https://${driver?.manifest.hosts[0] ?? "invalid.invalid"}`, timeout: 20_000 };
  return {
    host: connection.host,
    timeout: 20_000,
    mounts: connection.mounts,
    ...(connection.credential === undefined ? {} : { credential: rekey.credential(connection.credential) }),
  };
}
