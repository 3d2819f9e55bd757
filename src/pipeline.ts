import { z } from "zod";
import type { ServerConfig } from "./config/server.ts";
import { call } from "./github/client.ts";
import type { Fields } from "./github/envelope.ts";
import type { EventRepository, Handlers, ListedRepository } from "./github/handlers.ts";
import { checkSecrets, ingest } from "./github/ingest.ts";
import { pinnedFetch, pinOf } from "./http.ts";
import { describeError } from "./log.ts";
import { type AlertEvent, importAlerts, judgeAlert } from "./pipeline/alerts.ts";
import { noteHistory, runBackfill, startsByItself } from "./pipeline/backfill.ts";
import { clientOf } from "./pipeline/code.ts";
import { carryOut, onComment, onTicked } from "./pipeline/commands.ts";
import { type Commented, judgeComment } from "./pipeline/comment-leaks.ts";
import type { Rekey, RekeyApp } from "./pipeline/context.ts";
import { judgePullRequest, notePullRequest } from "./pipeline/judge.ts";
import { catchUp, judgeMergeGroup, judgePush, type Pushed } from "./pipeline/push.ts";
import { startReconciling } from "./pipeline/reconcile.ts";
import { abandonRehearsal } from "./pipeline/rehearse.ts";
import { forget, saveInstallation, saveRepository } from "./pipeline/repositories.ts";
import { drawCampaign } from "./pipeline/review-issue.ts";
import { rotationDeps } from "./pipeline/rotation.ts";
import { applySilence } from "./pipeline/silence.ts";
import { startDue } from "./pipeline/start-rotation.ts";
import { readDueStores, readStoreEntry } from "./pipeline/store-inventory.ts";
import { draw, redraw, redrawIncident } from "./pipeline/surfaces.ts";
import { sweep } from "./pipeline/sweep.ts";
import { observeValidity, verifyDead } from "./pipeline/verify.ts";
import { verifyDenials } from "./pipeline/withdraw.ts";
import { executeRun } from "./rotation/run.ts";
import type { Secret } from "./secret.ts";
import { finishDelivery, readDelivery, recordDelivery } from "./store/deliveries.ts";
import { listOccurrences } from "./store/incidents.ts";
import { incidentsOfPullRequest, type PullRequestKey } from "./store/pull-requests.ts";

/**
 * The product on one page: a webhook is kept with its job in one transaction; a worker judges the pull request, opens incidents,
 * names identities, probes, plans; a command starts a run; a run's events redraw the pull request until the key is dead.
 */
export interface Pipeline {
  /** `POST /api/github/webhooks`. */
  webhook(request: Request): Promise<Response>;
  /** Begins to work on the queue, and to look for what was lost. */
  start(): Promise<void>;
  stop(): Promise<void>;
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
  let reconciling: ReturnType<typeof startReconciling> | undefined;
  return {
    webhook: (request) => ingest(request, { secrets, record: (envelope) => record(rekey, envelope) }),
    async start() {
      await work(rekey);
      reconciling = github === undefined ? undefined : startReconciling(rekey);
    },
    stop: async () => reconciling?.stop(),
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
  await queue.work<{ repository: EventRepository; number: number }>(
    "judge",
    ({ data }) => judgePullRequest(rekey, data.repository, data.number),
    { concurrency: 2 },
  );
  await queue.work<PullRequestKey>("surface", ({ data }) => draw(rekey, data), { concurrency: 4 });
  await queue.work<Pushed>("push", ({ data }) => judgePush(rekey, data));
  await queue.work<Parameters<typeof judgeMergeGroup>[1]>("merge-group", ({ data }) => judgeMergeGroup(rekey, data));
  await queue.work<Commented>("comment", ({ data }) => judgeComment(rekey, data), { concurrency: 2 });
  await queue.work<AlertEvent>("alert", ({ data }) => judgeAlert(rekey, data), { concurrency: 2 });
  await queue.work<{ repository: EventRepository }>("alerts", ({ data }) => importAlerts(rekey, data.repository));
  await queue.work<Introduced>("catch-up", ({ data }) => introduce(rekey, data));
  await queue.work<{ lane?: number }>("backfill", ({ data }) => runBackfill(rekey, data), { concurrency: 2 });
  await queue.work<{ detector: string }>("silence", ({ data }) => applySilence(rekey, data.detector));
  await queue.work<{ campaign: string }>("review-issue", ({ data }) => drawCampaign(rekey, data.campaign));
  await queue.work<{ incident: string }>("triage", ({ data }) => triage(rekey, data.incident));
  await queue.work<{ run: string }>(
    "rotation",
    async ({ data: { run } }) => {
      if (await abandonRehearsal(rekey, run)) return;
      const ended = await executeRun(rotationDeps(rekey), run);
      rekey.log.info({ run, state: ended?.state }, "a rotation has stopped");
      await startDue(rekey);
      await verifyDenials(rekey);
      await readWritten(rekey, run);
    },
    { concurrency: 4 },
  );
  await queue.work("reviews", async () => {
    await verifyDenials(rekey);
    await queue.enqueue("reviews", {}, { startAfter: 60, singletonKey: `reviews-${Math.ceil(Date.now() / 60_000)}` });
  });
  await queue.enqueue("reviews", {}, { singletonKey: "reviews" });
  await queue.work("start", async () => {
    await startDue(rekey);
    await takeUp(rekey);
    await queue.enqueue("start", {}, { startAfter: 60, singletonKey: `start-${Math.ceil(Date.now() / 60_000)}` });
  });
  await queue.enqueue("start", {}, { singletonKey: "start" });
  await queue.work("store-inventory", async () => {
    await readDueStores(rekey);
    await queue.enqueue("store-inventory", {}, { startAfter: 900, singletonKey: `store-inventory-${Math.ceil(Date.now() / 900_000)}` });
  });
  await queue.enqueue("store-inventory", {}, { singletonKey: "store-inventory" });
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
      await verifyDenials(rekey);
    },
    { concurrency: 2 },
  );
}

/** The inventory learns at once what a run has written; what it cannot read now, it reads on its next round. */
async function readWritten(rekey: Rekey, run: string): Promise<void> {
  const plan = (await rotationDeps(rekey).journal.get(run))?.plan;
  for (const { connection, path } of plan?.facts.sinks ?? []) {
    try {
      await readStoreEntry(rekey, connection, path);
    } catch (error) {
      rekey.log.warn({ run, connection, error: describeError(error) }, "an entry that a run wrote could not be read for the inventory");
    }
  }
}

/** What a crash left open, or a resume opened again, goes on. A run that another worker holds is left to it. */
async function takeUp(rekey: Rekey): Promise<void> {
  for (const { id } of await rotationDeps(rekey).journal.open()) await rekey.queue.enqueue("rotation", { run: id }, { singletonKey: id });
}

function handlersOf(rekey: Rekey): Handlers {
  return {
    pullRequest: (repository, number, event) => notePullRequest(rekey, repository, number, event),
    async push(repository, event) {
      await saveRepository(rekey, repository);
      await rekey.queue.enqueue("push", { repository, ...event });
    },
    async mergeGroup(repository, event) {
      await rekey.queue.enqueue("merge-group", { repository, ...event }, { singletonKey: `${repository.id}/${event.head}` });
    },
    async rerequested(repository, { head, ...event }) {
      const rows = await rekey.database.db
        .selectFrom("pull_request")
        .select("number")
        .where("repository_id", "=", repository.id)
        .where("head_sha", "=", head)
        .execute();
      for (const { number } of rows) await notePullRequest(rekey, repository, number, event);
    },
    repositoryChanged: (repository) => saveRepository(rekey, repository),
    async installed(installation, state, repositories) {
      rekey.app?.forgetTokens(installation.id);
      await saveInstallation(rekey, installation, state);
      if (state !== "active") return;
      const all = repositories.length > 0 ? repositories : await knownRepositories(rekey, installation.id);
      const asks = all.length > startsByItself;
      for (const repository of all) await rekey.queue.enqueue("catch-up", { repository, asks }, { singletonKey: String(repository.id) });
    },
    repositoriesRemoved: (_installation, ids) => forget(rekey, ids, true),
    comment: (repository, number, event) => onComment(rekey, repository, number, event),
    async commented(repository, issue, event) {
      await rekey.queue.enqueue("comment", { repository, issue, ...event });
    },
    async alert(repository, number) {
      // the push that brought it is judged first: then the alert is one more place of what is known
      await rekey.queue.enqueue("alert", { repository, number }, { singletonKey: `${repository.id}/${number}`, startAfter: 5 });
    },
    ticked: (repository, number, event) => onTicked(rekey, repository, number, event),
    async button(repository, { checkRun, identifier, sender }) {
      const row = await rekey.database.db.selectFrom("pull_request").selectAll().where("check_run_id", "=", checkRun).executeTakeFirst();
      if (row === undefined || (identifier !== "rotate" && identifier !== "verify")) return;
      const key = { host: row.host, repositoryId: row.repository_id, number: row.number };
      const open = (await incidentsOfPullRequest(rekey.database.db, key)).flatMap(({ incident: { id, state } }) =>
        state === "open" ? [id] : [],
      );
      const shown = Object.entries(row.comment_plans ?? {}).filter(([incident]) => open.includes(incident));
      if (identifier === "rotate" && shown.length > 1) {
        const commands = shown.map(([incident, hash]) => `\`/rekey rotate ${incident} ${hash}\``).join(" or ");
        return redraw(rekey, key, `The button cannot tell which of several credentials is meant. Say it: ${commands}.`);
      }
      if (shown.length === 0 && open.length > 0)
        return redraw(rekey, key, "The button came before a plan was shown. Press it again when the comment shows one.");
      for (const [incident, hash] of shown) {
        const note = await carryOut(rekey, {
          repository,
          number: row.number,
          by: sender,
          at: new Date().toISOString(),
          source: `check-${checkRun}-${identifier}-${incident}-${hash}`,
          command: { verb: identifier, incident, hash },
        });
        await redraw(rekey, key, note.text ?? null);
      }
      rekey.log.info({ checkRun, identifier }, "a check's button was pressed");
    },
  };
}

const Repository = z.object({
  id: z.number(),
  full_name: z.string(),
  private: z.boolean(),
  default_branch: z.string(),
  /** Kilobytes. */
  size: z.number().nonnegative().default(0),
});

interface Introduced {
  readonly repository: ListedRepository;
  /** The installation is large: its history waits for its operator. */
  readonly asks?: boolean;
}

/** A repository that an installation brought: what its event does not say is asked; its history is looked through once. */
async function introduce(rekey: Rekey, { repository: listed, asks = false }: Introduced): Promise<void> {
  const read = Repository.safeParse(await call(await clientOf(rekey, listed), "GET /repos/{owner}/{repo}"));
  if (!read.success) return; // gone, or not given to the App
  const { id, full_name, private: isPrivate, default_branch, size } = read.data;
  const repository = { installation: listed.installation, id, fullName: full_name, private: isPrivate, defaultBranch: default_branch };
  await saveRepository(rekey, repository);
  await catchUp(rekey, repository);
  await noteHistory(rekey, repository, size, asks);
}

async function knownRepositories(rekey: Rekey, installation: number): Promise<ListedRepository[]> {
  const rows = await rekey.database.db.selectFrom("repository").selectAll().where("installation_id", "=", installation).execute();
  return rows.map((row) => ({ installation, id: row.id, fullName: row.full_name }));
}

/** Looked at again because what it can do has changed: is it alive, and what would a rotation do now? */
async function triage(rekey: Rekey, id: string): Promise<void> {
  const [occurrence] = await listOccurrences(rekey.database.db, id);
  if (occurrence === undefined) return;
  if (rekey.config.policy.probe === "on") await observeValidity(rekey, id, occurrence.finding);
  await redrawIncident(rekey, id);
}

function webhookSecrets(github: NonNullable<ServerConfig["github"]>, credential: (reference: string) => Secret): string[] {
  return [github.webhook_secret, github.webhook_secret_previous].flatMap((reference) =>
    reference === undefined ? [] : [credential(reference).reveal()],
  );
}
