import { createProbot, type Probot, ProbotOctokit } from "probot";
import type { GitHubClient } from "./github/client.ts";
import type { Fields } from "./github/envelope.ts";
import type { EventRepository, Handlers } from "./github/handlers.ts";
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
  return {
    async receive({ guid, event, fields, receivedAt }) {
      // the envelope has the shape of GitHub's payload as far as it goes, which is all that the handlers read
      const delivery = { id: guid, name: event, payload: { ...fields, rekey: { receivedAt } } } as unknown as Parameters<
        Probot["receive"]
      >[0];
      await probot.receive(delivery);
    },
    client: async (installation) => (await probot.auth(installation)) as unknown as GitHubClient,
    async token(installation) {
      const octokit = await probot.auth(installation);
      const { token } = (await octokit.auth({ type: "installation", installationId: installation })) as { token: string };
      return token;
    },
  };
}

type Envelope = Fields & { rekey: { receivedAt: string } };

function bind(app: Probot, handlers: Handlers): void {
  app.on(
    ["pull_request.opened", "pull_request.synchronize", "pull_request.reopened", "pull_request.ready_for_review"],
    async ({ payload }) => {
      const fields = envelope(payload);
      await handlers.pullRequest(repositoryOf(fields), required(fields.number), {
        action: fields.action ?? "",
        sender: sender(fields),
        receivedAt: fields.rekey.receivedAt,
      });
    },
  );
  app.on("push", async ({ payload }) => {
    const fields = envelope(payload);
    await handlers.push(repositoryOf(fields), { ...fields, receivedAt: fields.rekey.receivedAt });
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
