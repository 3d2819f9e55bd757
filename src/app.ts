import { createProbot, type Probot, ProbotOctokit } from "probot";
import type { GitHubClient } from "./github/client.ts";
import type { Fields } from "./github/envelope.ts";
import type { EventRepository, Handlers, Installation } from "./github/handlers.ts";
import { jobTokens } from "./github/job-tokens.ts";
import type { RekeyApp } from "./pipeline/context.ts";

export interface AppOptions {
  readonly appId: number;
  readonly privateKey: string;
  readonly api: string;
  readonly webhookSecret: string;
  readonly fetch: typeof fetch;
  readonly handlers: Handlers;
}

/** The Probot app: router and authentication, nothing else. Ingest, queue and logic are elsewhere. */
export function createApp(options: AppOptions): RekeyApp {
  const probot = createProbot({
    env: {},
    overrides: {
      appId: options.appId,
      privateKey: options.privateKey,
      secret: options.webhookSecret,
      baseUrl: options.api,
      logLevel: "fatal",
      Octokit: ProbotOctokit.defaults({ request: { fetch: options.fetch } }),
    },
  });
  bind(probot, options.handlers);
  const tokens = jobTokens({
    app: async () => (await probot.auth()) as unknown as GitHubClient,
    // one throttle for each installation, whatever tokens its jobs have
    client: (installation, token) =>
      new ProbotOctokit({
        auth: { token },
        baseUrl: options.api,
        log: silent,
        request: { fetch: options.fetch },
        throttle: { id: String(installation) },
      }) as unknown as GitHubClient,
  });
  return {
    async receive({ guid, event, fields, receivedAt }) {
      // the envelope has the shape of GitHub's payload as far as it goes, which is all that the handlers read
      const delivery = { id: guid, name: event, payload: { ...fields, rekey: { receivedAt } } } as unknown as Parameters<
        Probot["receive"]
      >[0];
      await probot.receive(delivery);
    },
    client: async (of, job) => (await tokens.of(of, job)).client,
    token: async (of) => (await tokens.of(of, "code")).token,
    appClient: async () => (await probot.auth()) as unknown as GitHubClient,
    forgetTokens: (installation) => tokens.forget(installation),
  };
}

const unheard = () => undefined;
const silent = { debug: unheard, info: unheard, warn: unheard, error: unheard };

type Envelope = Fields & { rekey: { receivedAt: string } };

function bind(app: Probot, handlers: Handlers): void {
  app.on(
    [
      "pull_request.opened",
      "pull_request.synchronize",
      "pull_request.reopened",
      "pull_request.ready_for_review",
      "pull_request.edited",
      "pull_request.closed",
    ],
    async ({ payload }) => {
      const fields = envelope(payload);
      if (fields.action === "edited" && fields.changes?.base === undefined) return; // a title or a text changes nothing
      await handlers.pullRequest(repositoryOf(fields), required(fields.number), said(fields));
    },
  );
  app.on("push", async ({ payload }) => {
    const fields = envelope(payload);
    const { ref = "", before = "", after = "" } = fields;
    if (ref.startsWith("refs/heads/")) await handlers.push(repositoryOf(fields), { ref, before, after, ...said(fields) });
  });
  app.on("merge_group.checks_requested", async ({ payload }) => {
    const fields = envelope(payload);
    const { base_sha = "", head_sha = "" } = fields.merge_group ?? {};
    await handlers.mergeGroup(repositoryOf(fields), { base: base_sha, head: head_sha, ...said(fields) });
  });
  app.on(["check_run.rerequested", "check_suite.rerequested"], async ({ payload }) => {
    const fields = envelope(payload);
    const head = fields.check_run?.head_sha ?? fields.check_suite?.head_sha ?? "";
    await handlers.rerequested(repositoryOf(fields), { head, ...said(fields) });
  });
  app.on(
    ["repository.renamed", "repository.transferred", "repository.publicized", "repository.privatized", "repository.edited", "public"],
    async ({ payload }) => handlers.repositoryChanged(repositoryOf(envelope(payload))),
  );
  app.on(
    [
      "installation.created",
      "installation.unsuspend",
      "installation.suspend",
      "installation.deleted",
      "installation.new_permissions_accepted",
      "installation_repositories.added",
    ],
    async ({ payload }) => {
      const fields = envelope(payload);
      const state = fields.action === "suspend" ? "suspended" : fields.action === "deleted" ? "deleted" : "active";
      const { id } = installationOf(fields);
      const repositories = [...(fields.repositories ?? []), ...(fields.repositories_added ?? [])];
      await handlers.installed(
        installationOf(fields),
        state,
        repositories.map((one) => ({ installation: id, id: one.id, fullName: one.full_name })),
      );
    },
  );
  app.on("installation_repositories.removed", async ({ payload }) => {
    const fields = envelope(payload);
    const removed = (fields.repositories_removed ?? []).map(({ id }) => id);
    await handlers.repositoriesRemoved(installationOf(fields).id, removed);
  });
  app.on(["issue_comment.created", "issue_comment.edited"], async ({ payload }) => {
    const fields = envelope(payload);
    await handlers.commented(repositoryOf(fields), required(fields.issue?.number), {
      comment: required(fields.comment?.id),
      ...said(fields),
    });
  });
  app.on("issue_comment.created", async ({ payload }) => {
    const fields = envelope(payload);
    await handlers.comment(repositoryOf(fields), required(fields.issue?.number), {
      comment: required(fields.comment?.id),
      sender: sender(fields),
      bot: isBot(fields),
    });
  });
  app.on("issue_comment.edited", async ({ payload }) => {
    const fields = envelope(payload);
    if (fields.ticked === undefined) return;
    await handlers.ticked(repositoryOf(fields), required(fields.issue?.number), {
      boxes: fields.ticked,
      comment: required(fields.comment?.id),
      sender: sender(fields),
      bot: isBot(fields),
    });
  });
  app.on(
    [
      "secret_scanning_alert.created",
      "secret_scanning_alert.reopened",
      "secret_scanning_alert.resolved",
      "secret_scanning_alert.publicly_leaked",
    ],
    async ({ payload }) => {
      const fields = envelope(payload);
      await handlers.alert(repositoryOf(fields), required(fields.alert?.number));
    },
  );
  app.on("check_run.requested_action", async ({ payload }) => {
    const fields = envelope(payload);
    await handlers.button(repositoryOf(fields), {
      checkRun: required(fields.check_run?.id),
      identifier: fields.requested_action?.identifier ?? "",
      sender: sender(fields),
    });
  });
}

function envelope(payload: unknown): Envelope {
  return payload as Envelope;
}

function repositoryOf(fields: Envelope): EventRepository {
  const { repository, installation } = fields;
  if (repository === undefined || installation === undefined) throw new Error("an event without repository or installation");
  return {
    installation: installation.id,
    id: repository.id,
    fullName: repository.full_name,
    private: repository.private,
    defaultBranch: repository.default_branch,
  };
}

function installationOf({ installation }: Envelope): Installation {
  if (installation?.account === undefined) throw new Error("an event without its installation's account");
  return { id: installation.id, account: installation.account };
}

function said(fields: Envelope): { sender: string; receivedAt: string } {
  return { sender: sender(fields), receivedAt: fields.rekey.receivedAt };
}

function required(value: number | undefined): number {
  if (value === undefined) throw new Error("an event without the id that its kind has");
  return value;
}

function sender(fields: Envelope): string {
  return fields.sender?.login ?? "";
}

function isBot(fields: Envelope): boolean {
  return fields.sender?.type !== "User";
}
