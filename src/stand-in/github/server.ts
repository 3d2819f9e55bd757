import { createVerify, randomBytes, timingSafeEqual } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { serve } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { git, gitText } from "../../git.ts";
import { alertJson, alertRoutes, type RaisedAlert, setAlert } from "./alerts.ts";
import { commentRoutes } from "./comments.ts";
import { deliver, send, type Weather } from "./deliver.ts";
import type { Exchange } from "./exchange.ts";
import { gitHttp } from "./git-http.ts";
import { issueRoutes } from "./issues.ts";
import { type LoginClient, loginRoutes } from "./login.ts";
import { manifestRoutes } from "./manifest.ts";
import { lacking, mayFetch, narrowed } from "./permissions.ts";
import {
  type App,
  type CheckRun,
  type Delivery,
  type PullRequest,
  type Repository,
  type Role,
  type SecretAlert,
  State,
  timestamp,
  type User,
} from "./state.ts";
import { textRoutes } from "./text.ts";

/** Who asks: a person with a token, or the App's installation. */
type Caller = { readonly kind: "user"; readonly user: User } | { readonly kind: "app" };

export interface GitHubStandIn {
  readonly url: string;
  readonly state: State;
  weather: Weather;
  /** How the API goes wrong on purpose: sees every answer that is JSON and gives what is sent instead, or an HTTP status. */
  amend: ((answer: { method: string; path: string; status: number; body: Record<string, unknown> }) => object | number) | undefined;
  /** Refuses requests before they have any effect: gives the status. */
  refuse: ((request: { method: string; path: string }) => number | undefined) | undefined;
  /** Sees every request. */
  seen: ((request: { method: string; path: string }) => void) | undefined;
  /** Sees every request with its answer, before `amend`, and every webhook. */
  exchanged: ((exchange: Exchange) => void) | undefined;
  /** The App's client for the login of people. */
  readonly login: LoginClient;
  addUser(login: string): User;
  addRepository(owner: string, name: string, options: { private: boolean; roles: Readonly<Record<string, Role>> }): Promise<Repository>;
  /** A copy of a repository that belongs to somebody else; the App is not installed there. */
  fork(repository: Repository, owner: User): Promise<Repository>;
  /** What an administrator does in the settings. */
  rename(repository: Repository, name: string, login: string): void;
  publicize(repository: Repository, login: string): void;
  closePull(repository: Repository, number: number, login: string): void;
  /** Sends an event of the installation itself: `created`, `suspend`, `unsuspend`, `deleted`. */
  installation(action: string, repositories: readonly Repository[]): void;
  /** Sends any webhook that the App subscribes to. */
  send(event: string, payload: Record<string, unknown>, repository: Repository, login: string): void;
  installApp(app: Omit<App, "installation" | "id" | "slug">): App;
  /** What GitHub's own secret scanning does, and who looks at its alerts there. */
  raiseAlert(repository: Repository, raised: RaisedAlert): SecretAlert;
  closeAlert(alert: SecretAlert, resolution: string, login: string): void;
  reopenAlert(alert: SecretAlert, login: string): void;
  leakAlert(alert: SecretAlert): void;
  /** What a person does on the Checks tab. */
  pressButton(check: CheckRun, identifier: string, login: string): void;
  /** "Re-run" on the Checks tab. */
  rerun(check: CheckRun, login: string): void;
  redeliver(guid: string): Promise<void>;
  stop(): Promise<void>;
}

const zero = "0".repeat(40);

/** GitHub as far as Rekey uses it, on loopback: pull requests whose head moves by a real push, checks, comments, reviews, signed webhooks. */
export async function startGitHub(options: { folder: string; port?: number }): Promise<GitHubStandIn> {
  const state = new State();
  const backend = join((await gitText(["--exec-path"], { cwd: options.folder })).trim(), "git-http-backend");
  const api = new Hono();
  const server = serve({ fetch: api.fetch, port: options.port ?? 0, hostname: "127.0.0.1" });
  await new Promise<void>((resolve) => server.once("listening", () => resolve()));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;

  api.use(async (context, next) => {
    const { method, path } = context.req;
    standIn.seen?.({ method, path });
    const refused = standIn.refuse?.({ method, path });
    if (refused !== undefined) {
      const retry: Record<string, string> = refused === 429 ? { "retry-after": "1" } : {};
      return context.json({ message: "Refused on purpose" }, refused as 500, retry);
    }
    const forbidden = lacking(state, tokenOf(context), { method, path });
    if (forbidden !== undefined)
      return refuse(context, forbidden, forbidden === 404 ? "Not Found" : "Resource not accessible by integration");
    await next();
    await told(context);
    if (standIn.amend === undefined || !(context.res.headers.get("content-type") ?? "").includes("json")) return;
    const body = (await context.res.clone().json()) as Record<string, unknown>;
    const amended = standIn.amend({ method: context.req.method, path: context.req.path, status: context.res.status, body });
    if (amended === body) return;
    context.res =
      typeof amended === "number"
        ? Response.json({ message: "Server Error" }, { status: amended })
        : Response.json(amended, { status: context.res.status });
  });

  const standIn: GitHubStandIn = {
    url,
    state,
    weather: {},
    amend: undefined,
    login: { id: "Iv-stand-in", secret: randomBytes(20).toString("hex"), user: undefined, owners: new Set() },
    refuse: undefined,
    seen: undefined,
    exchanged: undefined,
    addUser: (login) => state.addUser(login),
    async addRepository(owner, name, { private: isPrivate, roles }) {
      const path = join(options.folder, owner, `${name}.git`);
      await mkdir(path, { recursive: true });
      await git(["init", "--bare", "--quiet", "--initial-branch=main", path], { cwd: options.folder });
      for (const [key, value] of Object.entries({
        "http.receivepack": "true",
        "uploadpack.allowAnySHA1InWant": "true",
        "uploadpack.allowFilter": "true",
      })) {
        await git(["config", key, value], { cwd: path });
      }
      const repository: Repository = {
        id: state.id(),
        owner,
        name,
        private: isPrivate,
        defaultBranch: "main",
        path,
        roles: new Map(Object.entries(roles)),
        topics: [],
        properties: {},
      };
      state.repositories.set(repository.id, repository);
      return repository;
    },
    installApp(app) {
      state.app = { ...app, id: state.id(), slug: "rekey", installation: state.id() };
      state.users.set("rekey[bot]", { id: state.id(), login: "rekey[bot]", type: "Bot", token: "" });
      return state.app;
    },
    raiseAlert(repository, { secret, type, title = type, at, validity = "unknown" }) {
      const alert: SecretAlert = {
        number: 1 + state.alerts.filter((one) => one.repository === repository.id).length,
        ...{ repository: repository.id, secret, type, title, validity, publiclyLeaked: false },
        ...(at === undefined ? {} : { at }),
        ...{ state: "open", resolution: null, resolvedBy: null, comment: null, createdAt: timestamp(), updatedAt: timestamp() },
      };
      state.alerts.push(alert);
      sendAlert(alert, "created", "github");
      return alert;
    },
    closeAlert(alert, resolution, login) {
      setAlert(alert, { resolution, by: login });
      sendAlert(alert, "resolved", login);
    },
    reopenAlert(alert, login) {
      setAlert(alert, undefined);
      sendAlert(alert, "reopened", login);
    },
    leakAlert(alert) {
      alert.publiclyLeaked = true;
      sendAlert(alert, "publicly_leaked", "github");
    },
    pressButton(check, identifier, login) {
      const repository = state.repositories.get(check.repository);
      if (repository === undefined) return;
      const payload = {
        ...common(repository, login),
        action: "requested_action",
        requested_action: { identifier },
        check_run: checkJson(check),
      };
      emit("check_run", payload);
    },
    rerun(check, login) {
      const repository = state.repositories.get(check.repository);
      if (repository === undefined) return;
      check.status = "queued";
      check.conclusion = null;
      this.send("check_run", { action: "rerequested", check_run: checkJson(check) }, repository, login);
    },
    async fork(origin, owner) {
      const path = join(options.folder, owner.login, `${origin.name}.git`);
      await git(["clone", "--bare", "--quiet", origin.path, path], { cwd: options.folder, remote: { url: origin.path, file: true } });
      await git(["config", "http.receivepack", "true"], { cwd: path });
      const { defaultBranch, private: isPrivate } = origin;
      const made: Repository = {
        ...{ id: state.id(), owner: owner.login, name: origin.name, private: isPrivate, defaultBranch, path, parent: origin.id },
        ...{ topics: [], properties: {} },
        roles: new Map([[owner.login, "admin"]]),
      };
      state.repositories.set(made.id, made);
      return made;
    },
    rename(repository, name, login) {
      const from = repository.name;
      repository.name = name;
      this.send("repository", { action: "renamed", changes: { repository: { name: { from } } } }, repository, login);
    },
    publicize(repository, login) {
      repository.private = false;
      this.send("repository", { action: "publicized" }, repository, login);
    },
    closePull(repository, number, login) {
      const pull = state.pulls.find((one) => one.repository === repository.id && one.number === number);
      if (pull === undefined) return;
      pull.state = "closed";
      this.send("pull_request", { action: "closed", number, pull_request: pullJson(pull, repository) }, repository, login);
    },
    installation(action, repositories) {
      const list = repositories.map(({ id, owner, name, private: isPrivate }) => ({
        ...{ id, node_id: `R_${id}`, name, full_name: `${owner}/${name}`, private: isPrivate },
      }));
      const account = { login: "acme", id: 1, type: "Organization" };
      const payload = { action, installation: { id: state.app?.installation ?? 0, account }, repositories: list, sender: userJson("mara") };
      emit("installation", payload);
    },
    send(event, payload, repository, login) {
      emit(event, { ...common(repository, login), ...payload });
    },
    async redeliver(guid) {
      const delivery = state.deliveries.find((candidate) => candidate.guid === guid);
      if (delivery !== undefined) await send(state, delivery);
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        if ("closeAllConnections" in server) server.closeAllConnections();
      }),
  };

  function emit(event: string, payload: Record<string, unknown>): void {
    const { action } = payload;
    standIn.exchanged?.({ kind: "webhook", event, ...(typeof action === "string" ? { action } : {}), payload });
    deliver(state, event, payload, standIn.weather);
  }

  async function told(context: Context): Promise<void> {
    if (standIn.exchanged === undefined || context.req.path.includes(".git/")) return;
    const isJson = (type: string | null | undefined) => (type ?? "").includes("json");
    const text = isJson(context.req.header("content-type")) ? await context.req.text() : "";
    standIn.exchanged({
      kind: "request",
      method: context.req.method,
      path: decodeURI(context.req.path),
      ...(text === "" ? {} : { request: JSON.parse(text) }),
      status: context.res.status,
      ...(isJson(context.res.headers.get("content-type")) ? { answer: await context.res.clone().json() } : {}),
    });
  }

  function sendAlert(alert: SecretAlert, action: string, by: string): void {
    const repository = state.repositories.get(alert.repository);
    if (repository !== undefined)
      standIn.send("secret_scanning_alert", { action, alert: alertJson(alert, repository, { url, user: userJson }) }, repository, by);
  }

  function common(repository: Repository, login: string) {
    return {
      installation: { id: state.app?.installation ?? 0 },
      repository: fullJson(repository),
      sender: userJson(login),
    };
  }

  function userJson(login: string) {
    const user = state.users.get(login);
    return { login, id: user?.id ?? 0, type: user?.type ?? "User", node_id: `U_${user?.id ?? 0}` };
  }

  function repositoryJson(repository: Repository) {
    return {
      id: repository.id,
      name: repository.name,
      full_name: `${repository.owner}/${repository.name}`,
      private: repository.private,
      visibility: repository.private ? "private" : "public",
      default_branch: repository.defaultBranch,
      clone_url: `${url}/${repository.owner}/${repository.name}.git`,
      html_url: `${url}/${repository.owner}/${repository.name}`,
      owner: { login: repository.owner, id: 1, type: "Organization" },
      topics: repository.topics,
    };
  }

  function fullJson(repository: Repository) {
    return { ...repositoryJson(repository), custom_properties: repository.properties };
  }

  function pullJson(pull: PullRequest, repository: Repository) {
    const side = (ref: string, sha: string, of: Repository) => ({ ref, sha, label: `${of.owner}:${ref}`, repo: repositoryJson(of) });
    const headRepository = state.repositories.get(pull.headRepository) ?? repository;
    return {
      id: pull.id,
      number: pull.number,
      state: pull.state,
      title: pull.title,
      draft: pull.draft,
      user: userJson(pull.author),
      head: side(pull.head, pull.headSha, headRepository),
      base: side(pull.base, pull.baseSha, repository),
      created_at: pull.createdAt,
      updated_at: pull.updatedAt,
      html_url: `${url}/${repository.owner}/${repository.name}/pull/${pull.number}`,
    };
  }

  function checkJson(check: CheckRun) {
    return {
      id: check.id,
      name: check.name,
      head_sha: check.headSha,
      external_id: check.externalId,
      status: check.status,
      conclusion: check.conclusion,
      started_at: check.startedAt,
      completed_at: check.completedAt,
      output: { ...check.output, annotations_count: 0 },
      app: { id: state.app?.id, slug: state.app?.slug },
      pull_requests: [],
    };
  }

  function tokenOf(context: Context): string {
    const header = context.req.header("authorization") ?? "";
    const basic = /^basic (.+)$/i.exec(header)?.[1];
    return basic === undefined
      ? header.replace(/^(bearer|token) /i, "")
      : Buffer.from(basic, "base64").toString().split(":").slice(1).join(":");
  }

  function caller(context: Context): Caller | undefined {
    const token = tokenOf(context);
    const installation = state.installationTokens.get(token);
    if (installation !== undefined) return installation.expires > Date.now() ? { kind: "app" } : undefined;
    const user = [...state.users.values()].find((candidate) => candidate.token !== "" && same(candidate.token, token));
    return user === undefined ? undefined : { kind: "user", user };
  }

  const roles: readonly Role[] = ["read", "triage", "write", "maintain", "admin"];
  const can = (who: Caller, repository: Repository, role: Role) =>
    who.kind === "app" || roles.indexOf(repository.roles.get(who.user.login) ?? "read") >= roles.indexOf(role)
      ? who.kind === "app" || repository.roles.has(who.user.login) || (!repository.private && role === "read")
      : false;

  const refuse = (context: Context, status: 401 | 403 | 404 | 422, message: string) =>
    context.json({ message, documentation_url: "https://docs.github.com/rest" }, status);
  const login = (who: Caller) => (who.kind === "app" ? "rekey[bot]" : who.user.login);

  /** Answers a route of one repository for a caller who may read it; 404 hides what he may not see, as GitHub does. */
  function route(role: Role, handler: (context: Context, repository: Repository, who: Caller) => Response | Promise<Response>) {
    return async (context: Context): Promise<Response> => {
      const who = caller(context);
      if (who === undefined) return refuse(context, 401, "Bad credentials");
      const repository = state.repository(context.req.param("owner") ?? "", context.req.param("repo") ?? "");
      if (repository === undefined || !can(who, repository, "read")) return refuse(context, 404, "Not Found");
      if (!can(who, repository, role)) return refuse(context, 403, "Resource not accessible");
      const spent = state.spend(tokenOf(context));
      context.header("x-ratelimit-limit", "5000");
      context.header("x-ratelimit-remaining", String(Math.max(0, 5000 - spent)));
      context.header("x-ratelimit-reset", String(Math.floor(state.hourEnds / 1000)));
      return handler(context, repository, who);
    };
  }

  // --- apps -----------------------------------------------------------------------------------------------------------------
  api.post("/app/installations/:id/access_tokens", async (context) => {
    if (!validJwt(context.req.header("authorization") ?? "", state.app))
      return refuse(context, 401, "A JSON web token could not be decoded");
    if (Number(context.req.param("id")) !== state.app?.installation) return refuse(context, 404, "Not Found");
    const wanted = (await context.req.json().catch(() => ({}))) as { permissions?: Record<string, string>; repository_ids?: number[] };
    const permissions = narrowed(state.app.permissions, wanted.permissions);
    const repositories = wanted.repository_ids;
    if (permissions === undefined) return refuse(context, 422, "The permissions requested are not granted to this installation.");
    if (repositories?.some((id) => !state.repositories.has(id)) || (repositories?.length ?? 0) > 500)
      return refuse(context, 422, "There is at least one repository that does not exist or is not accessible to the parent installation.");
    const token = `installation-${randomBytes(20).toString("hex")}`;
    const expires = Date.now() + 3_600_000;
    state.installationTokens.set(token, { expires, permissions, ...(repositories === undefined ? {} : { repositories }) });
    const selection = repositories === undefined ? "all" : "selected";
    return context.json({ token, expires_at: new Date(expires).toISOString(), permissions, repository_selection: selection }, 201);
  });
  api.get("/app", (context) =>
    validJwt(context.req.header("authorization") ?? "", state.app)
      ? context.json({
          id: state.app?.id,
          slug: state.app?.slug,
          name: "Rekey",
          permissions: state.app?.permissions,
          events: state.app?.events ?? [],
        })
      : refuse(context, 401, "Bad credentials"),
  );

  api.get("/app/hook/config", (context) =>
    validJwt(context.req.header("authorization") ?? "", state.app)
      ? context.json({ url: state.app?.webhookUrl, content_type: "json", insecure_ssl: "0", secret: "********" })
      : refuse(context, 401, "Bad credentials"),
  );
  api.patch("/app/hook/config", async (context) => {
    if (!validJwt(context.req.header("authorization") ?? "", state.app) || state.app === undefined)
      return refuse(context, 401, "Bad credentials");
    const { secret } = (await context.req.json()) as { secret?: string };
    if (secret !== undefined) state.app.webhookSecret = secret;
    return context.json({ url: state.app.webhookUrl, content_type: "json", insecure_ssl: "0", secret: "********" });
  });
  api.get("/app/installations", (context) =>
    validJwt(context.req.header("authorization") ?? "", state.app)
      ? context.json([
          { id: state.app?.installation, account: { login: "acme", type: "Organization" }, permissions: state.app?.permissions },
        ])
      : refuse(context, 401, "Bad credentials"),
  );

  api.get("/app/hook/deliveries", (context) => {
    if (!validJwt(context.req.header("authorization") ?? "", state.app)) return refuse(context, 401, "Bad credentials");
    const newest = state.deliveries.toReversed();
    const start = Number(context.req.query("cursor") ?? 0);
    const size = Number(context.req.query("per_page") ?? 30);
    if (start + size < newest.length)
      context.header("link", `<${url}/app/hook/deliveries?per_page=${size}&cursor=${start + size}>; rel="next"`);
    return context.json(newest.slice(start, start + size).map((delivery) => deliveryJson(delivery, state)));
  });
  api.post("/app/hook/deliveries/:id/attempts", (context) => {
    if (!validJwt(context.req.header("authorization") ?? "", state.app)) return refuse(context, 401, "Bad credentials");
    const known = state.deliveries.find(({ id }) => id === Number(context.req.param("id")));
    if (known === undefined) return refuse(context, 404, "Not Found");
    // the attempt is listed beside the one that failed, under the same guid
    const attempt = { ...known, id: state.id(), deliveredAt: new Date().toISOString(), statusCode: 0, redelivery: true };
    state.deliveries.push(attempt);
    void send(state, attempt);
    return context.json({}, 202);
  });

  // --- repositories ---------------------------------------------------------------------------------------------------------
  const base = "/repos/:owner/:repo";
  manifestRoutes(api, state, url);
  textRoutes(api, state, base, route);
  issueRoutes(api, state, base, route);
  alertRoutes(api, { state, url, base, route, user: userJson });
  loginRoutes(api, { state, client: standIn.login, json: repositoryJson });
  api.get(
    base,
    route("read", (context, repository) => context.json(fullJson(repository))),
  );
  api.get(
    `${base}/branches/:branch{.+}`,
    route("read", async (context, repository) => {
      const name = decodeURIComponent(context.req.param("branch") ?? "");
      const sha = await resolve(repository, name);
      return sha === undefined ? refuse(context, 404, "Branch not found") : context.json({ name, commit: { sha }, protected: false });
    }),
  );
  api.get(
    `${base}/collaborators/:login/permission`,
    route("read", (context, repository) => {
      const name = context.req.param("login") ?? "";
      const role = repository.roles.get(name) ?? (repository.private ? undefined : "read");
      if (!state.users.has(name)) return refuse(context, 404, "Not Found");
      const folded = { read: "read", triage: "read", write: "write", maintain: "write", admin: "admin" } as const;
      return context.json({ permission: role === undefined ? "none" : folded[role], role_name: role ?? "none", user: userJson(name) });
    }),
  );
  api.get(
    `${base}/compare/:range`,
    route("read", async (context, repository) => {
      const sides = (context.req.param("range") ?? "").split("...");
      const [from, to] = await Promise.all(sides.map((side) => commitOf(repository, side)));
      if (from === undefined || to === undefined) return refuse(context, 404, "Not Found");
      const count = async (range: string) => Number(await gitText(["rev-list", "--count", range], { cwd: repository.path }));
      const [ahead, behind] = [await count(`${from}..${to}`), await count(`${to}..${from}`)];
      const mergeBase = (await gitText(["merge-base", from, to], { cwd: repository.path, accept: [1] })).trim();
      if (mergeBase === "") return refuse(context, 404, "No common ancestor");
      return context.json({
        status: ahead > 0 ? (behind > 0 ? "diverged" : "ahead") : behind > 0 ? "behind" : "identical",
        ahead_by: ahead,
        behind_by: behind,
        total_commits: ahead,
        base_commit: { sha: from },
        merge_base_commit: { sha: mergeBase },
        commits: [],
        files: [],
      });
    }),
  );

  // --- pull requests --------------------------------------------------------------------------------------------------------
  api.post(
    `${base}/pulls`,
    route("read", async (context, repository, who) => {
      const body = (await context.req.json()) as { title: string; body?: string; head: string; base: string; draft?: boolean };
      const [branch = "", owner] = body.head.split(":").toReversed();
      const from = owner === undefined ? repository : (state.repository(owner, repository.name) ?? repository);
      const [headSha, baseSha] = [await resolve(from, branch), await resolve(repository, body.base)];
      if (headSha === undefined || baseSha === undefined) return refuse(context, 422, "Validation Failed");
      const number = state.nextNumber(repository.id);
      const pull: PullRequest = {
        id: state.id(),
        number,
        repository: repository.id,
        title: body.title,
        ...(body.body === undefined ? {} : { body: body.body }),
        author: login(who),
        head: branch,
        headRepository: from.id,
        draft: body.draft ?? false,
        base: body.base,
        headSha,
        baseSha,
        state: "open",
        createdAt: timestamp(),
        updatedAt: timestamp(),
      };
      state.pulls.push(pull);
      await showHead(repository, pull, from);
      emit("pull_request", { ...common(repository, login(who)), action: "opened", number, pull_request: pullJson(pull, repository) });
      return context.json(pullJson(pull, repository), 201);
    }),
  );
  api.get(
    `${base}/pulls`,
    route("read", (context, repository) =>
      context.json(
        state.pulls
          .filter((pull) => pull.repository === repository.id)
          .filter((pull) => pull.state === (context.req.query("state") ?? "open") || context.req.query("state") === "all")
          .map((pull) => pullJson(pull, repository)),
      ),
    ),
  );
  api.get(
    `${base}/pulls/:number`,
    route("read", (context, repository) => {
      const pull = findPull(repository, context);
      return pull === undefined ? refuse(context, 404, "Not Found") : context.json(pullJson(pull, repository));
    }),
  );
  api.post(
    `${base}/pulls/:number/reviews`,
    route("write", async (context, repository) => {
      const pull = findPull(repository, context);
      if (pull === undefined) return refuse(context, 404, "Not Found");
      const body = (await context.req.json()) as {
        body?: string;
        comments?: { path: string; line: number; side?: string; body: string }[];
      };
      const lines = await diffLines(repository, pull);
      for (const comment of body.comments ?? []) {
        if (!lines.get(comment.path)?.has(comment.line))
          return refuse(context, 422, "Unprocessable Entity: pull_request_review_thread.line must be part of the diff");
      }
      const review = {
        id: state.id(),
        repository: repository.id,
        pull: pull.number,
        body: body.body ?? "",
        comments: (body.comments ?? []).map((comment) => ({ side: "RIGHT", ...comment })),
      };
      state.reviews.push(review);
      state.written.push(review.body, ...review.comments.map((comment) => comment.body));
      return context.json({ id: review.id, state: "COMMENTED" }, 200);
    }),
  );

  commentRoutes(api, {
    state,
    url,
    base,
    route,
    user: userJson,
    send: (payload, repository, by) => standIn.send("issue_comment", payload, repository, by),
  });

  // --- checks ---------------------------------------------------------------------------------------------------------------
  api.post(
    `${base}/check-runs`,
    route("write", async (context, repository, who) => {
      if (who.kind !== "app") return refuse(context, 403, "You must authenticate via a GitHub App.");
      const body = (await context.req.json()) as CheckBody & { name: string; head_sha: string };
      const wrong = invalidCheck(body);
      if (wrong !== undefined) return refuse(context, 422, wrong);
      const check: CheckRun = {
        id: state.id(),
        repository: repository.id,
        name: body.name,
        headSha: body.head_sha,
        externalId: "",
        status: "queued",
        conclusion: null,
        startedAt: timestamp(),
        completedAt: null,
        output: { title: null, summary: null, text: null },
        actions: [],
      };
      state.checks.push(check);
      applyCheck(check, body, state);
      return context.json(checkJson(check), 201);
    }),
  );
  api.patch(
    `${base}/check-runs/:id`,
    route("write", async (context) => {
      const check = state.checks.find(({ id }) => id === Number(context.req.param("id")));
      if (check === undefined) return refuse(context, 404, "Not Found");
      const body = (await context.req.json()) as CheckBody;
      const wrong = invalidCheck(body);
      if (wrong !== undefined) return refuse(context, 422, wrong);
      applyCheck(check, body, state);
      return context.json(checkJson(check));
    }),
  );
  api.get(
    `${base}/commits/:ref/check-runs`,
    route("read", (context, repository) => {
      const runs = state.checks.filter((check) => check.repository === repository.id && check.headSha === context.req.param("ref"));
      return context.json({ total_count: runs.length, check_runs: runs.map(checkJson) });
    }),
  );

  // --- git over HTTP --------------------------------------------------------------------------------------------------------
  api.all("/:owner/:repo{.+\\.git}/:rest{.+}", async (context) => {
    const repository = state.repository(context.req.param("owner") ?? "", (context.req.param("repo") ?? "").replace(/\.git$/, ""));
    const who = caller(context);
    const pushing = new URL(context.req.url).search.includes("git-receive-pack") || context.req.path.endsWith("git-receive-pack");
    if (who === undefined)
      return new Response("authentication needed", { status: 401, headers: { "www-authenticate": 'Basic realm="GitHub"' } });
    if (repository === undefined || !can(who, repository, "read")) return new Response("Repository not found", { status: 404 });
    if (!mayFetch(state, tokenOf(context), repository.id)) return new Response("Permission denied", { status: 403 });
    if (pushing && (who.kind === "app" || !can(who, repository, "write"))) return new Response("Permission denied", { status: 403 });
    const before = pushing ? await branches(repository) : new Map<string, string>();
    const response = await gitHttp(
      context.req.raw,
      repository,
      `/${basename(dirname(repository.path))}/${basename(repository.path)}/${context.req.param("rest")}`,
      login(who),
      backend,
    );
    if (context.req.path.endsWith("git-receive-pack") && context.req.method === "POST") await pushed(repository, before, login(who));
    return response;
  });
  api.notFound((context) => refuse(context, 404, "Not Found"));

  /** Compares the branches before and after a push and sends the webhooks that GitHub would. */
  async function pushed(repository: Repository, before: ReadonlyMap<string, string>, who: string): Promise<void> {
    const after = await branches(repository);
    for (const name of new Set([...before.keys(), ...after.keys()])) {
      const [from, to] = [before.get(name) ?? zero, after.get(name) ?? zero];
      if (from === to) continue;
      const ancestor =
        from !== zero && to !== zero && (await gitText(["merge-base", from, to], { cwd: repository.path, accept: [1] })).trim() === from;
      // the App is installed in the parent, not in the forks
      if (repository.parent === undefined)
        emit("push", {
          ...common(repository, who),
          ref: `refs/heads/${name}`,
          before: from,
          after: to,
          created: from === zero,
          deleted: to === zero,
          forced: from !== zero && to !== zero && !ancestor,
          pusher: { name: who },
        });
      for (const pull of state.pulls.filter((candidate) => candidate.state === "open")) {
        const target = state.repositories.get(pull.repository);
        if (target === undefined || pull.headRepository !== repository.id || pull.head !== name || to === zero) continue;
        pull.headSha = to;
        // GitHub sets base.sha when the head moves, and leaves it when the base branch does
        pull.baseSha = (await resolve(target, pull.base)) ?? pull.baseSha;
        pull.updatedAt = timestamp();
        await showHead(target, pull, repository);
        emit("pull_request", {
          ...common(target, who),
          action: "synchronize",
          number: pull.number,
          before: from,
          after: to,
          pull_request: pullJson(pull, target),
        });
      }
    }
  }

  /** The head is reachable in the repository that the pull request is opened in, also from a fork. */
  async function showHead(target: Repository, pull: PullRequest, from: Repository): Promise<void> {
    if (from.id !== target.id) {
      const remote = { url: from.path, file: true };
      await git(["fetch", "--quiet", "--no-write-fetch-head", from.path, `+refs/heads/${pull.head}:refs/pull/${pull.number}/head`], {
        cwd: target.path,
        remote,
      });
    } else await git(["update-ref", `refs/pull/${pull.number}/head`, pull.headSha], { cwd: target.path });
  }

  function findPull(repository: Repository, context: Context): PullRequest | undefined {
    return state.pulls.find((pull) => pull.repository === repository.id && pull.number === Number(context.req.param("number")));
  }

  return standIn;
}

function deliveryJson(delivery: Delivery, state: State) {
  const payload = JSON.parse(delivery.body) as { repository?: { id: number } };
  return {
    id: delivery.id,
    guid: delivery.guid,
    delivered_at: delivery.deliveredAt,
    redelivery: delivery.redelivery ?? false,
    duration: delivery.duration ?? 0,
    status: delivery.statusCode === 202 ? "OK" : "failed",
    status_code: delivery.statusCode,
    event: delivery.event,
    action: delivery.action,
    installation_id: state.app?.installation ?? null,
    repository_id: payload.repository?.id ?? null,
  };
}

interface CheckBody {
  readonly status?: string;
  readonly conclusion?: string;
  readonly external_id?: string;
  readonly output?: { title?: string; summary?: string; text?: string };
  readonly actions?: readonly { label: string; description: string; identifier: string }[];
}

function invalidCheck({ actions = [], output }: CheckBody): string | undefined {
  if (actions.length > 3) return "Only a maximum of 3 actions can be requested";
  if (actions.some(({ label, description, identifier }) => label.length > 20 || description.length > 40 || identifier.length > 20))
    return "an action's text is too long";
  if ((output?.summary?.length ?? 0) > 65_535 || (output?.text?.length ?? 0) > 65_535) return "Only 65535 characters are allowed";
  return undefined;
}

function applyCheck(check: CheckRun, body: CheckBody, state: State): void {
  if (body.external_id !== undefined) check.externalId = body.external_id;
  if (body.status !== undefined) check.status = body.status;
  if (body.conclusion !== undefined) {
    check.conclusion = body.conclusion;
    check.status = "completed";
    check.completedAt = timestamp();
  } else if (body.status !== undefined && body.status !== "completed") check.conclusion = null;
  if (body.output !== undefined)
    check.output = { title: body.output.title ?? null, summary: body.output.summary ?? null, text: body.output.text ?? null };
  if (body.actions !== undefined) check.actions = body.actions;
  state.written.push(JSON.stringify(check.output));
}

async function branches(repository: Repository): Promise<Map<string, string>> {
  const listing = await gitText(["for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/heads"], { cwd: repository.path });
  return new Map(
    listing
      .split("\n")
      .filter(Boolean)
      .map((line) => {
        const at = line.lastIndexOf(" ");
        return [line.slice(0, at), line.slice(at + 1)];
      }),
  );
}

/** A branch or a commit id. */
async function commitOf(repository: Repository, text: string): Promise<string | undefined> {
  if (text === "" || text.startsWith("-")) return undefined;
  const named = await resolve(repository, text);
  if (named !== undefined) return named;
  const found = await gitText(["rev-parse", "--verify", "--quiet", `${text}^{commit}`], { cwd: repository.path, accept: [1, 128] });
  return found.trim() === "" ? undefined : found.trim();
}

async function resolve(repository: Repository, branch: string): Promise<string | undefined> {
  return (await branches(repository)).get(branch.includes(":") ? (branch.split(":")[1] ?? "") : branch);
}

/** Lines of the right side that the pull request's diff shows (changed lines and three of context). */
async function diffLines(repository: Repository, pull: PullRequest): Promise<Map<string, Set<number>>> {
  const diff = await gitText(["diff", "--no-color", `${pull.baseSha}...${pull.headSha}`], { cwd: repository.path });
  const lines = new Map<string, Set<number>>();
  let path = "";
  let line = 0;
  for (const text of diff.split("\n")) {
    if (text.startsWith("+++ b/")) path = text.slice(6);
    else if (text.startsWith("@@")) line = Number(/\+(\d+)/.exec(text)?.[1] ?? 0);
    else if (text.startsWith("+") || text.startsWith(" ")) {
      lines.set(path, (lines.get(path) ?? new Set()).add(line));
      line++;
    }
  }
  return lines;
}

function validJwt(header: string, app: App | undefined): boolean {
  const [head, body, signature] = header.replace(/^bearer /i, "").split(".");
  if (app === undefined || head === undefined || body === undefined || signature === undefined) return false;
  const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as { iss: string | number; exp: number };
  const signed = createVerify("RSA-SHA256").update(`${head}.${body}`).verify(app.publicKey, signature, "base64url");
  return signed && String(claims.iss) === String(app.id) && claims.exp * 1000 > Date.now();
}

function same(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
