import { randomBytes } from "node:crypto";
import { Secret } from "../secret.ts";
import { startVendor, type VendorServer } from "./vendor.ts";

/**
 * A stand-in for the part of OpenAI's administration API that a service-account rotation uses
 * (https://platform.openai.com/docs/api-reference/administration): projects, service accounts and project API keys by an admin key,
 * pages by `after`. The key of a service account cannot be deleted alone. `GET /v1/models` is what a live key gets.
 */
export interface OpenAi extends VendorServer {
  readonly adminKey: Secret;
  createProject(name: string): string;
  createServiceAccount(project: string, name: string, role?: "member" | "owner"): { id: string; keyId: string; secret: Secret };
  /** A further key of one service account. */
  addKey(project: string, serviceAccount: string): { keyId: string; secret: Secret };
  /** A key of a person, which the console makes. */
  addUserKey(project: string): { keyId: string; secret: Secret };
  /** What the usage API counts for a key in an hour. */
  used(keyId: string, at: Date, requests: number): void;
  /** Every service account as `project/name`, in the order of creation. */
  serviceAccounts(): readonly string[];
}

interface Account {
  readonly object: "organization.project.service_account";
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly created_at: number;
}

interface Key {
  readonly id: string;
  readonly name: string;
  readonly value: string;
  readonly created_at: number;
  /** A service account's id; absent for a person's key. */
  readonly account?: string;
}

interface Project {
  readonly id: string;
  readonly name: string;
  readonly accounts: Map<string, Account>;
  readonly keys: Map<string, Key>;
}

export async function startOpenAi(): Promise<OpenAi> {
  const adminKey = `sk-admin-${randomBytes(60).toString("base64url")}`;
  const projects = new Map<string, Project>();
  const uses: { keyId: string; at: number; requests: number }[] = [];
  const now = () => Math.floor(Date.now() / 1000);
  const id = (prefix: string) => `${prefix}_${randomBytes(9).toString("hex")}`;
  const middle = "T3Blbk" + "FJ"; // split, so that no scanner takes this file for a key

  const addKey = (project: Project, account?: string): Key => {
    const kind = account === undefined ? "proj" : "svcacct";
    const value = `sk-${kind}-${randomBytes(55).toString("base64url").slice(0, 74)}${middle}${randomBytes(55).toString("base64url").slice(0, 74)}`;
    const key = { id: id("key"), name: "Secret Key", value, created_at: now(), ...(account === undefined ? {} : { account }) };
    project.keys.set(key.id, key);
    return key;
  };
  const addAccount = (project: Project, name: string, role: string): Account => {
    const account: Account = { object: "organization.project.service_account", id: id("svc_acct"), name, role, created_at: now() };
    project.accounts.set(account.id, account);
    return account;
  };
  const shown = (project: Project, key: Key) => {
    const account = key.account === undefined ? undefined : project.accounts.get(key.account);
    return {
      object: "organization.project.api_key",
      id: key.id,
      name: key.name,
      redacted_value: `${key.value.slice(0, 14)}...${key.value.slice(-4)}`,
      created_at: key.created_at,
      last_used_at: key.created_at,
      owner:
        account === undefined
          ? { type: "user", user: { id: "user_1", name: "Somebody", role: "owner" } }
          : { type: "service_account", service_account: account },
    };
  };
  const page = <Item extends { id: string }>(items: Item[], query: (name: string) => string | undefined) => {
    const limit = Math.min(Number(query("limit") ?? 20), 100);
    const after = query("after");
    const from = after === undefined ? 0 : items.findIndex((item) => item.id === after) + 1;
    const data = items.slice(from, from + limit);
    return { object: "list", data, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null, has_more: from + limit < items.length };
  };
  const projectOf = (name: string): Project => {
    const project = projects.get(name);
    if (project === undefined) throw new Error(`the stand-in has no project ${name}`);
    return project;
  };
  const failure = (code: string | null, message: string) => ({ error: { message, type: "invalid_request_error", param: null, code } });

  const server = await startVendor((app) => {
    app.use("/v1/organization/*", async (context, next) => {
      if (context.req.header("authorization") !== `Bearer ${adminKey}`)
        return context.json(failure("invalid_api_key", "Incorrect API key provided"), 401);
      return next();
    });
    app.get("/v1/organization/usage/:kind", (context) => {
      const query = (name: string) => context.req.query(name);
      const [start, end] = [Number(query("start_time")), Number(query("end_time"))];
      const width = query("bucket_width") === "1d" ? 86_400 : 3600;
      const [limit, page] = [Number(query("limit") ?? 7), Number(query("page") ?? 0)];
      const all = Array.from({ length: Math.ceil((end - start) / width) }, (_, index) => start + index * width);
      const data = all.slice(page * limit, (page + 1) * limit).map((from) => ({
        object: "bucket",
        start_time: from,
        end_time: from + width,
        results:
          context.req.param("kind") !== "completions"
            ? []
            : uses
                .filter(({ keyId, at }) => keyId === query("api_key_ids") && at >= from && at < from + width)
                .map(({ keyId, requests }) => ({ num_model_requests: requests, api_key_id: keyId })),
      }));
      const more = (page + 1) * limit < all.length;
      return context.json({ object: "page", data, has_more: more, next_page: more ? String(page + 1) : null });
    });
    app.use("/v1/organization/projects/:project/*", async (context, next) => {
      if (!projects.has(context.req.param("project"))) return context.json(failure(null, "No such project"), 404);
      return next();
    });
    app.get("/v1/organization/projects", (context) =>
      context.json(
        page(
          [...projects.values()].map(({ id, name }) => ({ id, object: "organization.project", name, status: "active" })),
          (name) => context.req.query(name),
        ),
      ),
    );
    app.get("/v1/organization/projects/:project/service_accounts", (context) =>
      context.json(page([...projectOf(context.req.param("project")).accounts.values()], (name) => context.req.query(name))),
    );
    app.post("/v1/organization/projects/:project/service_accounts", async (context) => {
      const project = projectOf(context.req.param("project"));
      const { name } = await context.req.json<{ name?: string }>();
      if (name === undefined || name === "") return context.json(failure(null, "name is required"), 400);
      const account = addAccount(project, name, "member");
      const { id: keyId, name: keyName, value, created_at } = addKey(project, account.id);
      return context.json({
        ...account,
        api_key: { object: "organization.project.service_account.api_key", id: keyId, name: keyName, value, created_at },
      });
    });
    app.delete("/v1/organization/projects/:project/service_accounts/:account", (context) => {
      const project = projectOf(context.req.param("project"));
      const account = context.req.param("account");
      if (!project.accounts.delete(account)) return context.json(failure(null, "No such service account"), 404);
      for (const key of [...project.keys.values()]) if (key.account === account) project.keys.delete(key.id);
      return context.json({ object: "organization.project.service_account.deleted", id: account, deleted: true });
    });
    app.get("/v1/organization/projects/:project/api_keys", (context) => {
      const project = projectOf(context.req.param("project"));
      return context.json(
        page(
          [...project.keys.values()].map((key) => shown(project, key)),
          (name) => context.req.query(name),
        ),
      );
    });
    app.get("/v1/models", (context) => {
      const key = context.req.header("authorization")?.replace(/^Bearer /, "");
      const live = [...projects.values()].some((project) => [...project.keys.values()].some((candidate) => candidate.value === key));
      if (!live) return context.json(failure("invalid_api_key", "Incorrect API key provided"), 401);
      return context.json({ object: "list", data: [{ id: "stand-in", object: "model", created: 0, owned_by: "stand-in" }] });
    });
  });

  return {
    ...server,
    adminKey: Secret.from(adminKey),
    createProject(name) {
      const project: Project = { id: id("proj"), name, accounts: new Map(), keys: new Map() };
      projects.set(project.id, project);
      return project.id;
    },
    createServiceAccount(project, name, role = "member") {
      const account = addAccount(projectOf(project), name, role);
      const key = addKey(projectOf(project), account.id);
      return { id: account.id, keyId: key.id, secret: Secret.from(key.value) };
    },
    addKey(project, serviceAccount) {
      const key = addKey(projectOf(project), serviceAccount);
      return { keyId: key.id, secret: Secret.from(key.value) };
    },
    addUserKey(project) {
      const key = addKey(projectOf(project));
      return { keyId: key.id, secret: Secret.from(key.value) };
    },
    used: (keyId, at, requests) => uses.push({ keyId, at: Math.floor(at.getTime() / 1000), requests }),
    serviceAccounts: () =>
      [...projects.values()].flatMap((project) => [...project.accounts.values()].map((account) => `${project.name}/${account.name}`)),
  };
}
