import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join, resolve } from "node:path";
import { getRequestListener } from "@hono/node-server";
import { Command } from "commander";
import { parseServerConfig, readReference } from "../config/server.ts";
import { connectVault } from "../connection/vault.ts";
import { ConfigError, UsageError } from "../errors.ts";
import { type AppManifest, convertManifest, manifestAddress, manifestFor, type RegisteredApp } from "../github/manifest.ts";
import { optionalEvents, permissionNamed } from "../github/permissions.ts";
import { createSetup } from "../web/setup.ts";
import { readAppManifest } from "./app-manifest.ts";

interface Options {
  readonly url: string;
  readonly org?: string;
  readonly name: string;
  readonly dir: string;
  readonly web: string;
  readonly api?: string;
  readonly port: string;
  readonly vault?: string;
  readonly vaultHost?: string;
  readonly vaultToken?: string;
  readonly secretScanning?: true;
}

/** What the App brings that nobody else may read, by the name of its file or field. */
interface Secrets {
  readonly "app.pem": string;
  readonly "webhook.secret": string;
  readonly "client.secret": string;
  readonly "fingerprint.key": string;
}

export function command(): Command {
  return new Command()
    .description(
      "Registers the GitHub App: a page on this machine leads to GitHub, which shows what the App may do; its secrets are written to files (mode 0600) or to Vault, and rekey.yml names them. Overwrites nothing.",
    )
    .requiredOption("--url <address>", "where people and GitHub reach the server, such as https://rekey.example")
    .option("--org <login>", "the organisation that owns the App (default: your own account)")
    .option("--name <name>", "of the App; names are unique on GitHub", "Rekey")
    .option("--dir <folder>", "where rekey.yml and the secrets are written", ".")
    .option("--web <address>", "of GitHub", "https://github.com")
    .option("--api <address>", "of GitHub's API (default: https://api.github.com, or WEB/api/v3)")
    .option("--port <port>", "of the page on this machine; 0 takes a free one", "0")
    .option("--secret-scanning", "ask for secret_scanning_alerts: write as well, to follow GitHub's own alerts (docs/history.md)")
    .option("--vault <path>", "write the secrets to this path of a KV v2, such as secret/rekey, instead of files")
    .option("--vault-host <address>", "of that Vault or OpenBao")
    .option("--vault-token <reference>", "env:NAME or file:PATH of a token that may write there; the server reads with it, too")
    .action(run);
}

async function run(options: Options): Promise<void> {
  const url = originOf(options.url);
  const web = options.web.replace(/\/$/, "");
  const api = options.api?.replace(/\/$/, "") ?? (web === "https://github.com" ? "https://api.github.com" : `${web}/api/v3`);
  const dir = resolve(options.dir);
  const keep = options.vault === undefined ? fileKeeper(dir) : await vaultKeeper(options);
  if (existsSync(join(dir, "rekey.yml")))
    throw new UsageError(`${join(dir, "rekey.yml")} is there already; give another --dir, or remove it`);
  const core = readAppManifest();
  const manifest = options.secretScanning === true ? withOptional(core, "secret_scanning_alerts") : core;
  const state = randomBytes(24).toString("base64url");
  const { promise, resolve: done, reject } = Promise.withResolvers<RegisteredApp>();
  const server = createServer();
  await new Promise<void>((listening, failed) => {
    server.once("error", failed);
    server.listen(Number(options.port), "127.0.0.1", () => listening());
  });
  const address = server.address();
  const here = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : options.port}`;
  const page = createSetup({
    address: manifestAddress(web, options.org, state),
    state,
    manifest: manifestFor(manifest, { name: options.name, url, back: `${here}/callback` }),
    async finish(code) {
      try {
        const app = await convertManifest(api, code);
        const references = await keep(secretsOf(app));
        mkdirSync(dir, { recursive: true });
        writeFileSync(join(dir, "rekey.yml"), configText({ app, references, url, api, web, options }), { flag: "wx" });
        done(app);
        return `Its secrets and ${join(dir, "rekey.yml")} are written. Next: install it at ${app.page}/installations/new, then run rekey serve.`;
      } catch (error) {
        reject(error);
        throw error;
      }
    },
  });
  server.on("request", getRequestListener(page.fetch));
  process.stderr.write(`rekey: open ${here}/ in a browser on this machine (Ctrl-C ends it)\n`);
  try {
    const app = await promise;
    process.stdout.write(
      `${join(dir, "rekey.yml")} is written; the App is ${app.slug} (${app.id}).\nNext:\n  1. install it: ${app.page}/installations/new\n  2. rekey doctor --config ${join(dir, "rekey.yml")}\n  3. rekey serve --config ${join(dir, "rekey.yml")}\nIt only observes until you raise it: docs/rollout.md\n`,
    );
  } finally {
    // the browser's own answer is on its way
    setTimeout(() => {
      server.close();
      server.closeAllConnections();
    }, 500);
  }
}

function withOptional(manifest: AppManifest, name: string): AppManifest {
  return {
    ...manifest,
    default_permissions: { ...manifest.default_permissions, [name]: permissionNamed(name)?.level ?? "read" },
    default_events: [...manifest.default_events, ...(optionalEvents[name] ?? [])],
  };
}

function originOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.origin !== text.replace(/\/$/, "") || !/^https?:$/.test(url.protocol))
    throw new UsageError(`expected --url such as https://rekey.example, without a path, got '${text.slice(0, 100)}'`);
  return url.origin;
}

function secretsOf(app: RegisteredApp): Secrets {
  return {
    "app.pem": app.privateKey.reveal(),
    "webhook.secret": app.webhookSecret.reveal(),
    "client.secret": app.clientSecret.reveal(),
    "fingerprint.key": randomBytes(32).toString("hex"),
  };
}

/** Where a secret is named in rekey.yml. */
type Keep = (secrets: Secrets) => Promise<Readonly<Record<keyof Secrets, string>>>;

function fileKeeper(dir: string): Keep {
  const path = (name: string) => join(dir, name);
  for (const name of ["app.pem", "webhook.secret", "client.secret", "fingerprint.key"])
    if (existsSync(path(name))) throw new UsageError(`${path(name)} is there already; give another --dir, or remove it`);
  return async (secrets) => {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    for (const [name, value] of Object.entries(secrets)) writeFileSync(path(name), `${value.trim()}\n`, { mode: 0o600, flag: "wx" });
    return mapped(secrets, (name) => `file:${path(name)}`);
  };
}

/** One KV v2 entry with four fields, written only where none is yet. */
async function vaultKeeper({ vault = "", vaultHost, vaultToken }: Options): Promise<Keep> {
  const [mount = "", ...rest] = vault.split("/");
  if (vaultHost === undefined || vaultToken === undefined || rest.length === 0)
    throw new UsageError("--vault PATH needs --vault-host and --vault-token, and a path such as secret/rekey");
  const client = connectVault({ host: vaultHost, token: readReference(vaultToken), timeout: 20_000 });
  const known = await client.read(`${mount}/data/${rest.join("/")}`);
  if (known.code === "ok") throw new UsageError(`${vault} holds an entry already; give another path`);
  if (known.code !== "absent") throw new UsageError(`${vault} cannot be looked at (${known.code}); check --vault-token`);
  return async (secrets) => {
    const data = Object.fromEntries(Object.entries(secrets).map(([name, value]) => [fieldOf(name), value.trim()]));
    const answer = await client.write(`${mount}/data/${rest.join("/")}`, { data, options: { cas: 0 } });
    if (answer.code !== "ok")
      throw new ConfigError(`the secrets of the App could not be written (${answer.code}); register it again after mending that`, {
        file: vault,
      });
    return mapped(secrets, (name) => `vault:${vault}#${fieldOf(name)}`);
  };
}

function fieldOf(name: string): string {
  return name.replace(".", "_");
}

function mapped(secrets: Secrets, reference: (name: string) => string): Record<keyof Secrets, string> {
  return Object.fromEntries(Object.keys(secrets).map((name) => [name, reference(name)])) as Record<keyof Secrets, string>;
}

function configText({
  app,
  references,
  url,
  api,
  web,
  options,
}: {
  app: RegisteredApp;
  references: Readonly<Record<keyof Secrets, string>>;
  url: string;
  api: string;
  web: string;
  options: Options;
}): string {
  const q = JSON.stringify;
  const login = url.startsWith("https:") || /^http:\/\/(127\.0\.0\.1|localhost)(:|$)/.test(url);
  const text = [
    `# Made by rekey setup for the App ${app.slug}; docs/server.md explains every key.`,
    `github:`,
    `  app_id: ${app.id}`,
    `  private_key: ${q(references["app.pem"])}`,
    `  webhook_secret: ${q(references["webhook.secret"])}`,
    ...(web === "https://github.com" ? [] : [`  web: ${q(web)}`, `  api: ${q(api)}`]),
    `fingerprint: { key: ${q(references["fingerprint.key"])} }`,
    ...(login
      ? [`login: { url: ${q(url)}, github: { client_id: ${q(app.clientId)}, client_secret: ${q(references["client.secret"])} } }`]
      : []),
    ...(options.vault === undefined
      ? []
      : [`connections:`, `  vault: { type: vault, host: ${q(options.vaultHost)}, credential: ${q(options.vaultToken)} }`]),
    `security_team: []   # logins or organisation/team: who decides on false positives, accepted risks and production`,
    `policy: { rollout: observe }`,
    ``,
  ].join("\n");
  parseServerConfig(text, "rekey.yml"); // what we write must be what we read
  return text;
}
