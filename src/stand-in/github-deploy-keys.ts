import { Secret } from "../secret.ts";
import { bearerOf, Keys, random } from "./keys.ts";
import { type SshServer, startSsh } from "./ssh.ts";
import { startVendor, type VendorServer } from "./vendor.ts";

/**
 * A stand-in for GitHub's deploy keys (https://docs.github.com/rest/deploy-keys/deploy-keys) and its SSH server, which greets a key with the
 * name of its repository and lags behind.
 */
export interface GitHubDeployKeys extends VendorServer {
  /** As a connection names it: with port and host key of the SSH server. */
  readonly host: string;
  readonly token: Secret;
  /** Their value is the public half in base64. */
  readonly keys: Keys;
  /** Adds a public half as `<type> <base64>`. */
  addKey(repository: string, title: string, key: string, readOnly?: boolean): string;
}

export async function startGitHubDeployKeys(): Promise<GitHubDeployKeys> {
  const token = random(40);
  const keys = new Keys();
  const repositories = new Map<string, string>();
  let last = 0;
  const addKey = (repository: string, title: string, key: string, read_only = true) => {
    const [type = "", value = ""] = key.split(" ");
    repositories.set(value, repository);
    return keys.add({ id: String(++last), name: title, value, fields: { repository, type, read_only } }).id;
  };
  const shown = (id: string) => {
    const key = keys.get(id);
    const { type, read_only } = key?.fields ?? {};
    return {
      id: Number(id),
      title: key?.name,
      key: `${String(type)} ${key?.value}`,
      read_only,
      created_at: key?.createdAt,
      verified: true,
    };
  };
  const ssh: SshServer = await startSsh({
    admit: (user, blob) =>
      user === "git" && keys.accepts(blob)
        ? { greeting: `Hi ${repositories.get(blob)}! You've successfully authenticated, but GitHub does not provide shell access.\n` }
        : undefined,
  });
  const server = await startVendor((app) => {
    app.use("/repos/*", async (context, next) => {
      if (bearerOf(context.req.header("authorization")) !== token) return context.json({ message: "Bad credentials" }, 401);
      return next();
    });
    const root = "/repos/:owner/:name/keys";
    app.get(root, (context) => {
      const repository = `${context.req.param("owner")}/${context.req.param("name")}`;
      const [size, page] = [Number(context.req.query("per_page") ?? 30), Number(context.req.query("page") ?? 1)];
      const all = keys.all().filter(({ fields }) => fields["repository"] === repository);
      return context.json(all.slice((page - 1) * size, page * size).map(({ id }) => shown(id)));
    });
    app.post(root, async (context) => {
      const { title, key, read_only } = await context.req.json<{ title: string; key: string; read_only?: boolean }>();
      if (keys.all().some(({ value }) => value === key.split(" ")[1]))
        return context.json({ message: "Validation Failed", errors: [{ message: "key is already in use" }] }, 422);
      return context.json(shown(addKey(`${context.req.param("owner")}/${context.req.param("name")}`, title, key, read_only)), 201);
    });
    app.delete(`${root}/:id`, (context) =>
      keys.remove(context.req.param("id")) ? context.body(null, 204) : context.json({ message: "Not Found" }, 404),
    );
  });
  return {
    ...server,
    host: `${server.url}?ssh=${ssh.port}&hostkey=${encodeURIComponent(ssh.hostKey)}`,
    token: Secret.from(token),
    keys,
    addKey,
    async stop() {
      await ssh.stop();
      await server.stop();
    },
  };
}
