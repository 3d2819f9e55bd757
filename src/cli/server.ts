import { timingSafeEqual } from "node:crypto";
import { chmodSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { getRequestListener } from "@hono/node-server";
import type { Hono, MiddlewareHandler } from "hono";
import { loadMapping } from "../config/mapping.ts";
import type { ServerConfig } from "../config/server.ts";
import { RefusedError, UsageError } from "../errors.ts";
import type { Rekey } from "../pipeline/context.ts";
import { decideAll } from "../pipeline/decide-all.ts";
import { estateOf } from "../pipeline/estate.ts";
import { askFromProgram } from "../pipeline/exceptions.ts";
import { operatorRoutes } from "../pipeline/operator.ts";
import { actFromDashboard, githubUsers } from "../pipeline/people.ts";
import { rolloutOverview } from "../pipeline/rollout.ts";
import { scanRuntime, takeEvents } from "../pipeline/runtime.ts";
import { settingsOf } from "../pipeline/settings.ts";
import { orderSilence, type SilenceOrder } from "../pipeline/silence.ts";
import { redrawIncident } from "../pipeline/surfaces.ts";
import { drivers } from "../provider/index.ts";
import type { Secret } from "../secret.ts";
import { sinks } from "../secret-manager/index.ts";
import { beginSession, checkedSession, endSession, useApiToken, visitSession } from "../store/access.ts";
import { backfillStatus } from "../store/backfill.ts";
import { saveConsumerReport } from "../store/consumers.ts";
import type { Database } from "../store/database.ts";
import { governanceReaders } from "../store/governance-readers.ts";
import { startHousekeeping } from "../store/housekeeping.ts";
import { storeReaders } from "../store/readers.ts";
import { noteSeen } from "../store/runtime-seen.ts";
import { serverState } from "../store/server-state.ts";
import { listSilenced } from "../store/silenced.ts";
import { accessToken } from "../web/access.ts";
import type { IncidentOrder } from "../web/act.ts";
import { createWeb } from "../web/app.ts";
import { loopbackHosts } from "../web/headers.ts";
import { githubLogin } from "../web/login/github.ts";
import { oidcLogin } from "../web/login/oidc.ts";
import type { IdentityProvider } from "../web/login/person.ts";
import { Sessions } from "../web/login/session.ts";
import type { RuntimeGate } from "../web/runtime/gate.ts";
import { apiTokens } from "../web/tokens.ts";
import { readAppManifest } from "./app-manifest.ts";
import { type EngineOptions, openEngine } from "./engine.ts";

export interface RunningServer {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly rekey: Rekey;
  stop(): Promise<void>;
}

export interface ServerOptions extends EngineOptions {
  /** Needed to see the dashboard; without it only loopback may be listened on. */
  readonly access?: Secret;
}

/** Database, queue, pipeline and web server of one process. Everything that was started is stopped again if a later part fails. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { config, log } = options;
  const loopback = ["127.0.0.1", "::1", "localhost"].includes(config.listen.host);
  if (!loopback && options.access === undefined && config.login === undefined)
    throw new UsageError(
      `listen.host is ${config.listen.host}; the dashboard then needs login: or REKEY_ACCESS_TOKEN, since everybody who reaches it sees every incident`,
    );
  const { database, rekey, credential, pipeline, stop } = await openEngine(options);
  try {
    const readers = storeReaders(database.db);
    const rollout = () => rolloutOverview(rekey);
    const backfill = () => backfillStatus(database.db);
    const governance = governanceReaders(database.db);
    const estate = estateOf(rekey);
    const settings = settingsOf(rekey, readAppManifest());
    const login = config.login === undefined ? undefined : loginOf(rekey, config.login);
    const web = createWeb({
      readers,
      rollout,
      backfill,
      numbers: () => serverNumbers(database.db),
      catalogue: {
        playbooks: rekey.playbooks,
        providers: drivers.map(({ manifest }) => manifest),
        sinks: Object.values(sinks).map(({ manifest }) => manifest),
        connections: Object.entries(config.connections).map(([name, { type }]) => ({ name, type })),
      },
      log,
      consumers: {
        verify: (name, token) =>
          config.consumers.some((consumer) => consumer.name === name && same(credential(consumer.token).reveal(), token)),
        report: (report) => saveConsumerReport(database.db, report),
      },
      ...(config.runtime.sources.length === 0 ? {} : { runtime: runtimeGate(rekey) }),
      chainWindow: config.runtime.chain_window,
      governance,
      estate,
      settings,
      silencing: { list: () => listSilenced(database.db), order: (wanted) => silenceOrder(rekey, wanted) },
      decide: async (decision) => {
        const [said] = await decideAll(rekey, [decision], "dashboard");
        return { ok: said?.ok === true, text: said?.text ?? "Nothing was decided." };
      },
      decisions: {
        verify: (token) => config.reviews.tokens.find((known) => same(credential(known.token).reveal(), token))?.name,
        decide: (decisions, via) => decideAll(rekey, decisions, via),
      },
      exceptions: (asked, visible) => askFromProgram(rekey, asked, visible),
      ...(loopback ? { hosts: [...loopbackHosts, ...(config.login === undefined ? [] : [new URL(config.login.url).hostname])] } : {}),
      ...(login === undefined ? {} : { login }),
      ...(login === undefined && options.access === undefined
        ? {}
        : {
            guard: apiTokens(
              (value) => useApiToken(database.db, value),
              options.access === undefined ? noProgram : accessToken(options.access),
            ),
          }),
    });
    const listener = getRequestListener((request, connection) =>
      new URL(request.url).pathname === "/api/github/webhooks" && request.method === "POST"
        ? pipeline.webhook(request)
        : web.fetch(request, connection),
    );
    const server = await listen(createServer(listener), config.listen);
    await pipeline.start();
    const housekeeping = startHousekeeping(database.db, { log, onReopened: (incident) => redrawIncident(rekey, incident) });
    const socket = await ownSocket(
      database,
      options.dataDir,
      operatorRoutes(rekey).route(
        "/",
        createWeb({ readers, governance, estate, settings, log, rollout, backfill, chainWindow: config.runtime.chain_window }),
      ),
    );
    const address = server.address();
    return {
      url: `http://${config.listen.host}:${typeof address === "object" && address !== null ? address.port : config.listen.port}`,
      rekey,
      async stop() {
        await closed(server);
        if (socket !== undefined) await closed(socket);
        await housekeeping.stop();
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function serverNumbers(db: Database["db"]) {
  const state = await serverState(db);
  return [
    { name: "deliveries_waiting", help: "Webhooks that no worker has handled yet", value: state.deliveriesWaiting },
    { name: "deliveries_oldest_seconds", help: "How long the oldest of them has waited", value: state.deliveriesOldest },
    { name: "jobs_waiting", help: "Jobs that are due", value: state.jobsWaiting },
    { name: "jobs_failed", help: "Jobs that were tried as often as allowed", value: state.jobsFailed },
    { name: "checks_waiting", help: "Pull requests whose scan has not come to an end", value: state.checksWaiting },
    { name: "messages_waiting", help: "Messages to Slack, Jira and webhooks that were not taken yet", value: state.messagesWaiting },
    { name: "messages_given_up", help: "Messages that were never taken", value: state.messagesGivenUp },
    { name: "rotations_running", help: "Rotations under way", value: state.rotationsRunning },
    { name: "rotations_held", help: "Rotations that wait for a person", value: state.rotationsHeld },
    { name: "rotations_waiting", help: "Rotations that were asked for and may not start yet", value: state.rotationsWaiting },
  ];
}

/** Log-in through the App, through an OpenID provider, or both. */
function loginOf(rekey: Rekey, { url, github, oidc }: NonNullable<ServerConfig["login"]>) {
  const { db } = rekey.database;
  const providers: IdentityProvider[] = [];
  if (github !== undefined) {
    if (rekey.config.github === undefined) throw new UsageError("login.github needs github: in rekey.yml, whose App it is");
    const { api, web } = rekey.config.github;
    const client = { api, web, clientId: github.client_id, clientSecret: rekey.credential(github.client_secret) };
    providers.push(githubLogin(githubUsers(rekey, client)));
  }
  if (oidc !== undefined) {
    const { client_id: clientId, client_secret, ...rest } = oidc;
    providers.push(oidcLogin({ ...rest, clientId, clientSecret: rekey.credential(client_secret) }));
  }
  const sessions = new Sessions(
    {
      begin: (person) => beginSession(db, person),
      visit: (id, limits) => visitSession(db, id, limits),
      checked: (id, person) => checkedSession(db, id, person),
      end: (id) => endSession(db, id),
    },
    new URL(url),
  );
  return { providers, sessions, url: new URL(url), act: (order: IncidentOrder) => actFromDashboard(rekey, order) };
}

/** Who may report what agents do, and where it goes. Mappings are read once: a wrong one stops the start with its line. */
function runtimeGate(rekey: Rekey): RuntimeGate {
  const sources = rekey.config.runtime.sources.map(({ mapping, ...source }) => ({
    ...source,
    source: {
      name: source.name,
      requestsPerMinute: source.requests_per_minute,
      ...(mapping === undefined ? {} : { mapping: loadMapping(mapping) }),
    },
  }));
  return {
    verify: (token) => sources.find((known) => known.token !== undefined && same(rekey.credential(known.token).reveal(), token))?.source,
    signed(name) {
      const known = sources.find((one) => one.name === name);
      if (known?.webhook_secret === undefined) return undefined;
      return { source: known.source, secret: rekey.credential(known.webhook_secret) };
    },
    scan: (text) => scanRuntime(rekey, text),
    take: (events) => takeEvents(rekey, events),
    async see(sightings) {
      await noteSeen(rekey.database.db, sightings);
    },
  };
}

async function silenceOrder(rekey: Rekey, wanted: SilenceOrder): Promise<{ ok: boolean; text: string }> {
  try {
    return { ok: true, text: await orderSilence(rekey, wanted) };
  } catch (error) {
    if (error instanceof RefusedError) return { ok: false, text: error.message };
    throw error;
  }
}

const noProgram: MiddlewareHandler = async (context) => context.json({ error: "expected an API token: rekey token create" }, 401);

/** Other commands of this machine's user ask the owner of the embedded database here (contracts.md §9). */
async function ownSocket(database: Database, dataDir: string, web: Hono): Promise<Server | undefined> {
  if (database.kind !== "embedded") return undefined;
  const path = join(dataDir, "api.sock");
  rmSync(path, { force: true });
  const server = createServer(getRequestListener(web.fetch));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => resolve());
  });
  chmodSync(path, 0o600);
  database.lock.announce(path);
  return server;
}

async function listen(server: Server, { host, port }: ServerConfig["listen"]): Promise<Server> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) =>
      reject(new UsageError(`cannot listen on ${host}:${port}: ${cause.message}; choose another port (listen.port)`, { cause })),
    );
    server.listen(port, host, () => resolve());
  });
  return server;
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function same(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
