import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { Command } from "commander";
import { type Document, parseDocument } from "yaml";
import { createApp } from "../app.ts";
import { loadServerConfig, parseServerConfig, readReference, type ServerConfig } from "../config/server.ts";
import { UsageError } from "../errors.ts";
import type { GitHubClient } from "../github/client.ts";
import { pinnedFetch, pinOf } from "../http.ts";
import { storedReferences } from "../pipeline/stored-references.ts";
import type { Secret } from "../secret.ts";
import { sinkFor } from "../secret-manager/index.ts";

interface Options {
  readonly config: string;
  readonly finish?: boolean;
  readonly key?: string;
}

const configOption = ["--config <file>", "the server's configuration", "rekey.yml"] as const;

/** Rekey's own keys. A new one is a file of mode 0600 beside the configuration, which names it; the old one is never deleted. */
export function command(): Command {
  const fingerprint = new Command("fingerprint")
    .description("Makes a new fingerprint key. The old one stays named as previous: what is known and decided is found again by it.")
    .option(...configOption)
    .action(({ config }: Options) => rotateFingerprint(config));
  const webhook = new Command("webhook")
    .description(
      "Makes a new webhook secret, which the server accepts beside the old one after a restart; --finish then gives it to GitHub.",
    )
    .option(...configOption)
    .option("--finish", "give the new secret to GitHub; the server must have been restarted")
    .action((options: Options) => rotateWebhook(options));
  const app = new Command("app")
    .description(
      "Takes over a new private key of the App. GitHub makes it on a page only: this command names the page, and with --key tries the new key before it is used.",
    )
    .option(...configOption)
    .option("--key <file>", "the PEM file that GitHub gave")
    .action((options: Options) => rotateApp(options));
  const rotate = new Command("rotate")
    .description("Replaces one of Rekey's own keys.")
    .addCommand(fingerprint)
    .addCommand(webhook)
    .addCommand(app);
  return new Command().description("Rekey's own keys: for fingerprints, webhooks and the App.").addCommand(rotate);
}

function rotateFingerprint(file: string): void {
  const { fingerprint } = loadServerConfig(file);
  if (fingerprint.key === undefined)
    throw new UsageError(`fingerprint.key is not set in ${file}; set it first, so that it can be named as previous`);
  if (fingerprint.previous.length >= 10)
    throw new UsageError("there are ten previous keys; remove the oldest once every open incident was seen under a newer one");
  const made = secretFile(file, "fingerprint", randomBytes(32).toString("hex"));
  edit(file, (document) => {
    document.setIn(["fingerprint", "key"], made);
    document.setIn(["fingerprint", "previous"], document.createNode([fingerprint.key, ...fingerprint.previous], { flow: true }));
  });
  say(`${file} names a new fingerprint key. Restart the server; keep the old key where it is.`);
}

async function rotateWebhook({ config: file, finish }: Options): Promise<void> {
  const config = loadServerConfig(file);
  if (config.github === undefined) throw new UsageError(`github is not set in ${file}`);
  if (finish === true) {
    if (config.github.webhook_secret_previous === undefined) throw new UsageError("nothing is under way: run it without --finish first");
    const credential = await credentialsOf(config);
    const secret = credential(config.github.webhook_secret);
    await (await appClient(config, credential(config.github.private_key))).request("PATCH /app/hook/config", { secret: secret.reveal() });
    secret.wipe();
    say(
      "GitHub signs with the new secret from now on. Remove webhook_secret_previous in three days, when nothing can be delivered again that was signed before.",
    );
    return;
  }
  if (config.github.webhook_secret_previous !== undefined)
    throw new UsageError("a rotation is under way: restart the server and run it with --finish; after that remove webhook_secret_previous");
  const made = secretFile(file, "webhook", randomBytes(32).toString("hex"));
  const before = config.github.webhook_secret;
  edit(file, (document) => {
    document.setIn(["github", "webhook_secret"], made);
    document.setIn(["github", "webhook_secret_previous"], before);
  });
  say(`${file} names a new webhook secret beside the old one. Restart the server, then: rekey keys rotate webhook --finish`);
}

async function rotateApp({ config: file, key }: Options): Promise<void> {
  const config = loadServerConfig(file);
  if (config.github === undefined) throw new UsageError(`github is not set in ${file}`);
  if (key === undefined) {
    say(
      `Manual step: open ${config.github.web}/settings/apps (of an organisation: ${config.github.web}/organizations/<name>/settings/apps), choose the App, press "Generate a private key", then: rekey keys rotate app --key FILE.pem`,
    );
    return;
  }
  const path = resolve(key);
  const pem = readReference(`file:${path}`);
  try {
    await (await appClient(config, pem)).request("GET /app", {});
  } catch (cause) {
    throw new UsageError(`GitHub does not take the key in ${key} for App ${config.github.app_id}; nothing was changed`, { cause });
  } finally {
    pem.wipe();
  }
  edit(file, (document) => document.setIn(["github", "private_key"], `file:${path}`));
  say(`GitHub takes the new key, and ${file} names it. Restart the server, then delete the old key on the App's page.`);
}

/** Writes a secret beside the configuration and gives its reference. */
function secretFile(config: string, what: string, value: string): string {
  const day = new Date().toISOString().slice(0, 10);
  const path = [`${what}-${day}.key`, ...Array.from({ length: 9 }, (_, index) => `${what}-${day}-${index + 2}.key`)]
    .map((name) => join(dirname(resolve(config)), name))
    .find((candidate) => !existsSync(candidate));
  if (path === undefined) throw new UsageError(`ten ${what} keys were made today; look what is going on`);
  writeFileSync(path, `${value}\n`, { mode: 0o600, flag: "wx" });
  return `file:${path}`;
}

/** Comments and order stay; what would not be read again is not written. */
function edit(file: string, change: (document: Document) => void): void {
  const document = parseDocument(readFileSync(file, "utf8"));
  change(document);
  const text = document.toString({ lineWidth: 0 });
  parseServerConfig(text, file);
  const beside = `${file}.new`;
  writeFileSync(beside, text, { mode: statSync(file).mode & 0o777, flag: "wx" });
  renameSync(beside, file);
}

async function credentialsOf(config: ServerConfig): Promise<(reference: string) => Secret> {
  const stored = await storedReferences(config, (reference) => readReference(reference), sinkFor);
  return (reference) => stored.get(reference) ?? readReference(reference);
}

async function appClient({ github }: ServerConfig, privateKey: Secret): Promise<GitHubClient> {
  if (github === undefined) throw new UsageError("github is not set");
  const unused = async () => undefined;
  const app = createApp({
    appId: github.app_id,
    privateKey: privateKey.reveal(),
    api: github.api,
    webhookSecret: randomBytes(32).toString("hex"),
    fetch: pinnedFetch([pinOf(github.api)]),
    handlers: new Proxy({}, { get: () => unused }) as Parameters<typeof createApp>[0]["handlers"],
  });
  return app.appClient();
}

function say(sentence: string): void {
  process.stdout.write(`${sentence}\n`);
}
