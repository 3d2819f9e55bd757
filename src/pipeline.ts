import type { ServerConfig } from "./config/server.ts";
import type { Fields } from "./github/envelope.ts";
import type { EventRepository, Handlers } from "./github/handlers.ts";
import { checkSecrets, ingest } from "./github/ingest.ts";
import { pinnedFetch, pinOf } from "./http.ts";
import { carryOut, onComment, onTicked } from "./pipeline/commands.ts";
import type { Rekey, RekeyApp } from "./pipeline/context.ts";
import { judgePullRequest, saveRepository } from "./pipeline/judge.ts";
import { abandonRehearsal } from "./pipeline/rehearse.ts";
import { rotationDeps } from "./pipeline/rotation.ts";
import { startDue } from "./pipeline/start-rotation.ts";
import { redraw, redrawIncident } from "./pipeline/surfaces.ts";
import { sweep } from "./pipeline/sweep.ts";
import { verifyDead } from "./pipeline/verify.ts";
import { executeRun } from "./rotation/run.ts";
import type { Secret } from "./secret.ts";
import { finishDelivery, readDelivery, recordDelivery } from "./store/deliveries.ts";

/**
 * The product on one page: a webhook is kept with its job in one transaction; a worker judges the pull request, opens incidents,
 * names identities, probes, plans; a command starts a run; a run's events redraw the pull request until the key is dead.
 */
export interface Pipeline {
  /** `POST /api/github/webhooks`. */
  webhook(request: Request): Promise<Response>;
  /** Begins to work on the queue. */
  start(): Promise<void>;
}

/** How `app.ts` is made, handed in by whoever starts the server. */
export type CreateApp = (options: {
  appId: number;
  privateKey: string;
  api: string;
  webhookSecret: string;
  fetch: typeof fetch;
  handlers: Handlers;
}) => RekeyApp;

export function createPipeline(rekey: Rekey, createApp: CreateApp): Pipeline {
  const { github } = rekey.config;
  const secrets = github === undefined ? [] : webhookSecrets(github, rekey.credential);
  if (github !== undefined) {
    checkSecrets(secrets);
    rekey.app = createApp({
      appId: github.app_id,
      privateKey: rekey.credential(github.private_key).reveal(),
      api: github.api,
      webhookSecret: secrets[0] ?? "",
      fetch: pinnedFetch([pinOf(github.api)]),
      handlers: handlersOf(rekey),
    });
  }
  return {
    webhook: (request) => ingest(request, { secrets, record: (envelope) => record(rekey, envelope) }),
    start: () => work(rekey),
  };
}

/** The delivery and its job exist together or not at all. */
async function record(rekey: Rekey, { guid, event, fields }: { guid: string; event: string; fields: Fields }): Promise<boolean> {
  return rekey.database.db.transaction().execute(async (trx) => {
    const fresh = await recordDelivery(trx, {
      guid,
      event,
      ...(fields.action === undefined ? {} : { action: fields.action }),
      ...(fields.installation === undefined ? {} : { installation: fields.installation.id }),
      ...(fields.repository === undefined ? {} : { repository: fields.repository.id }),
      fields,
    });
    if (fresh) await rekey.queue.enqueue("delivery", { guid }, { trx });
    return fresh;
  });
}

async function work(rekey: Rekey): Promise<void> {
  const { queue } = rekey;
  await queue.work<{ guid: string }>(
    "delivery",
    async ({ data: { guid } }) => {
      const kept = await readDelivery(rekey.database.db, guid);
      if (kept === undefined || rekey.app === undefined) return;
      await rekey.app.receive({ guid, event: kept.envelope.event, fields: kept.envelope.fields as Fields, receivedAt: kept.receivedAt });
      await finishDelivery(rekey.database.db, guid);
    },
    { concurrency: 4 },
  );
  await queue.work<{ repository: EventRepository; number: number; sender: string; receivedAt: string }>(
    "judge",
    async ({ data }) => {
      await judgePullRequest(rekey, data.repository, data.number, data);
    },
    { concurrency: 2 },
  );
  await queue.work<{ run: string }>(
    "rotation",
    async ({ data: { run } }) => {
      if (await abandonRehearsal(rekey, run)) return;
      const ended = await executeRun(rotationDeps(rekey), run);
      rekey.log.info({ run, state: ended?.state }, "a rotation has stopped");
      await startDue(rekey);
    },
    { concurrency: 4 },
  );
  await queue.work("start", async () => {
    await startDue(rekey);
    await takeUp(rekey);
    await queue.enqueue("start", {}, { startAfter: 60, singletonKey: `start-${Math.ceil(Date.now() / 60_000)}` });
  });
  await queue.enqueue("start", {}, { singletonKey: "start" });
  await queue.work("sweep", async () => {
    const removed = await sweep(rekey);
    rekey.log.info({ removed }, "looked for credentials that runs had made and lost");
    await queue.enqueue("sweep", {}, { startAfter: 3600, singletonKey: `sweep-${Math.ceil(Date.now() / 3_600_000)}` });
  });
  await queue.enqueue("sweep", {}, { startAfter: 300, singletonKey: "sweep" });
  await queue.work<{ incident: string }>(
    "verify",
    async ({ data: { incident } }) => {
      const verdict = await verifyDead(rekey, incident, (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)));
      rekey.log.info({ incident, dead: verdict.dead }, "looked whether a credential is dead");
      await redrawIncident(rekey, incident);
    },
    { concurrency: 2 },
  );
}

/** What a crash left open, or a resume opened again, goes on. A run that another worker holds is left to it. */
async function takeUp(rekey: Rekey): Promise<void> {
  for (const { id } of await rotationDeps(rekey).journal.open()) await rekey.queue.enqueue("rotation", { run: id }, { singletonKey: id });
}

function handlersOf(rekey: Rekey): Handlers {
  return {
    async pullRequest(repository, number, { sender, receivedAt }) {
      const data = { repository, number, sender, receivedAt };
      await rekey.queue.enqueue("judge", data);
    },
    async push(repository) {
      await saveRepository(rekey, repository);
    },
    comment: (repository, number, event) => onComment(rekey, repository, number, event),
    ticked: (repository, number, event) => onTicked(rekey, repository, number, event),
    async button(repository, { checkRun, identifier, sender }) {
      const row = await rekey.database.db.selectFrom("pull_request").selectAll().where("check_run_id", "=", checkRun).executeTakeFirst();
      if (row === undefined || (identifier !== "rotate" && identifier !== "verify")) return;
      const shown = Object.entries(row.comment_plans ?? {});
      for (const [incident, hash] of shown) {
        const note = await carryOut(rekey, {
          repository,
          number: row.number,
          by: sender,
          at: new Date().toISOString(),
          source: `check-${checkRun}-${identifier}-${incident}-${hash}`,
          command: { verb: identifier, incident, hash },
        });
        if (note.text !== undefined)
          await redraw(rekey, { host: row.host, repositoryId: row.repository_id, number: row.number }, note.text);
      }
      rekey.log.info({ checkRun, identifier }, "a check's button was pressed");
    },
  };
}

function webhookSecrets(github: NonNullable<ServerConfig["github"]>, credential: (reference: string) => Secret): string[] {
  return [github.webhook_secret, github.webhook_secret_previous].flatMap((reference) =>
    reference === undefined ? [] : [credential(reference).reveal()],
  );
}
