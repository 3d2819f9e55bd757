import { createApp } from "../app.ts";
import { loadRuleset } from "../config/detectors.ts";
import { loadPlaybooks } from "../config/playbooks.ts";
import { tenantKeys } from "../config/repository.ts";
import { readReference, type ServerConfig, unknownConnection } from "../config/server.ts";
import { connectionType, sinkConnection } from "../driver.ts";
import { UsageError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Rekey } from "../pipeline/context.ts";
import { storedReferences } from "../pipeline/stored-references.ts";
import { createPipeline, type Pipeline } from "../pipeline.ts";
import { drivers } from "../provider/index.ts";
import { fingerprintKey, type Secret } from "../secret.ts";
import { sinkFor, sinks } from "../secret-manager/index.ts";
import { type Database, openDatabase } from "../store/database.ts";
import { openQueue } from "../store/queue.ts";

export interface EngineOptions {
  readonly config: ServerConfig;
  readonly environment: NodeJS.ProcessEnv;
  /** Of the embedded database; unused where `database.url` is set. */
  readonly dataDir: string;
  readonly log: Log;
}

/** What works on the queue, without a door to the outside. */
export interface Engine {
  readonly database: Database;
  readonly rekey: Rekey;
  readonly pipeline: Pipeline;
  /** Throws UsageError for a reference that leads nowhere. */
  readonly credential: (reference: string) => Secret;
  /** Lets running handlers end, 5 s at most, and closes the database. */
  stop(): Promise<void>;
}

/** Database, queue and pipeline of one process; nothing works yet (`pipeline.start`). Throws UsageError for a configuration that cannot work. */
export async function openEngine({ config, environment, dataDir, log }: EngineOptions): Promise<Engine> {
  const wrong = unknownConnection(config, [
    ...drivers.map(({ manifest }) => connectionType(manifest)),
    ...Object.values(sinks).map(({ manifest }) => sinkConnection(manifest)),
  ]);
  if (wrong !== undefined) throw new UsageError(wrong);
  const stored = await storedReferences(config, (reference) => readReference(reference, environment), sinkFor);
  const credential = (reference: string) => stored.get(reference) ?? readReference(reference, environment);
  const url = config.database.url === undefined ? undefined : credential(config.database.url).reveal();
  const database = await openDatabase(url === undefined ? { dataDir, log } : { url, log });
  const queue = await openQueue(database, { log, queues: ["delivery"] });
  try {
    const rekey: Rekey = {
      config,
      database,
      queue,
      ruleset: await loadRuleset(),
      playbooks: loadPlaybooks(
        undefined,
        drivers.map(({ manifest }) => manifest),
      ),
      fingerprintKeys:
        config.fingerprint.key === undefined
          ? tenantKeys({ ...environment, CI: "" })
          : [config.fingerprint.key, ...config.fingerprint.previous].map((reference) =>
              fingerprintKey(Buffer.from(credential(reference).reveal(), "hex")),
            ),
      drivers,
      sinkFor,
      credential,
      log,
    };
    const pipeline = createPipeline(rekey, createApp);
    const refreshing = setInterval(() => void stored.refresh(log), 300_000);
    refreshing.unref();
    return {
      database,
      rekey,
      pipeline,
      credential,
      async stop() {
        clearInterval(refreshing);
        await pipeline.stop();
        await queue.close(5000);
        await database.close();
      },
    };
  } catch (error) {
    await queue.close(1000);
    await database.close();
    throw error;
  }
}
