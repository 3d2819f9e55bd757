import type { ServerConfig } from "../config/server.ts";
import type { Sink } from "../driver.ts";
import { UsageError } from "../errors.ts";
import { describeError, type Log } from "../log.ts";
import { Secret } from "../secret.ts";
import { contextOf } from "./context.ts";

/** Credentials that rekey.yml names as `vault:PATH#FIELD` or `aws:SECRET#FIELD`: read at the start and from time to time, kept in memory. */
export interface StoredReferences {
  /** A copy; the caller may wipe it. Undefined for a reference of another kind. */
  get(reference: string): Secret | undefined;
  /** Reads all again; what cannot be read now stays as it was. */
  refresh(log: Log): Promise<void>;
}

/**
 * `direct` reads references to variables and files. The store itself is opened with one of those: the first connection of its type that has
 * one. Throws UsageError where a reference cannot be read at the start.
 */
export async function storedReferences(
  config: ServerConfig,
  direct: (reference: string) => Secret,
  sinkFor: (type: string) => Sink | undefined,
): Promise<StoredReferences> {
  const values = new Map<string, Secret>();
  const read = (reference: string) => readStored(reference, config, direct, sinkFor);
  for (const reference of referencesIn(config)) values.set(reference, await read(reference));
  return {
    get(reference) {
      const value = values.get(reference);
      return value === undefined ? undefined : Secret.from(Buffer.from(value.reveal(), "utf8"));
    },
    async refresh(log) {
      for (const [reference, before] of values) {
        try {
          values.set(reference, await read(reference));
          before.wipe();
        } catch (error) {
          log.warn(
            { reference, error: describeError(error) },
            "a credential of ours could not be read again; the one from before stays in use",
          );
        }
      }
    },
  };
}

function referencesIn(value: unknown): string[] {
  if (typeof value === "string") return /^(vault|aws):/.test(value) ? [value] : [];
  return typeof value === "object" && value !== null ? [...new Set(Object.values(value).flatMap(referencesIn))] : [];
}

async function readStored(
  reference: string,
  config: ServerConfig,
  direct: (reference: string) => Secret,
  sinkFor: (type: string) => Sink | undefined,
): Promise<Secret> {
  const [, type = "", path = "", field] = /^(vault|aws):([^#]+)(?:#(.+))?$/.exec(reference) ?? [];
  const opener = Object.entries(config.connections).find(
    ([, connection]) => connection.type === type && connection.credential !== undefined && !/^(vault|aws):/.test(connection.credential),
  )?.[0];
  const sink = sinkFor(type);
  if (opener === undefined || sink === undefined)
    throw new UsageError(
      `${reference} needs a connection of type ${type} whose own credential is env:NAME or file:PATH (connections in rekey.yml)`,
    );
  const context = contextOf({ config, credential: direct }, opener);
  const found = await sink.read(context, { path, ...(field === undefined ? {} : { field }) }).catch((cause: unknown) => {
    throw new UsageError(`${reference} cannot be read through '${opener}': ${cause instanceof Error ? cause.message : "no answer"}`, {
      cause,
    });
  });
  const value = found?.fields[field ?? ""];
  if (value === undefined) throw new UsageError(`${reference}: '${opener}' has no such entry or field`);
  return value;
}
