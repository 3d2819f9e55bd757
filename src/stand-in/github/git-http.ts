import { spawn } from "node:child_process";
import { dirname } from "node:path";
import type { Repository } from "./state.ts";

/** Git's own smart HTTP server as a CGI: `git http-backend` over one bare repository. */
export async function gitHttp(
  request: Request,
  repository: Repository,
  pathInfo: string,
  user: string,
  gitBackend: string,
): Promise<Response> {
  const url = new URL(request.url);
  const body = Buffer.from(await request.arrayBuffer());
  const child = spawn(gitBackend, [], {
    env: {
      PATH: "/usr/local/bin:/usr/bin:/bin",
      GIT_PROJECT_ROOT: dirname(dirname(repository.path)),
      GIT_HTTP_EXPORT_ALL: "1",
      GIT_CONFIG_COUNT: "1",
      GIT_CONFIG_KEY_0: "safe.directory",
      GIT_CONFIG_VALUE_0: "*",
      REQUEST_METHOD: request.method,
      QUERY_STRING: url.search.slice(1),
      PATH_INFO: pathInfo,
      CONTENT_TYPE: request.headers.get("content-type") ?? "",
      CONTENT_LENGTH: String(body.length),
      HTTP_CONTENT_ENCODING: request.headers.get("content-encoding") ?? "",
      GIT_PROTOCOL: request.headers.get("git-protocol") ?? "",
      REMOTE_USER: user,
      REMOTE_ADDR: "127.0.0.1",
    },
    stdio: ["pipe", "pipe", "ignore"],
  });
  child.stdin.on("error", () => undefined);
  child.stdin.end(body);
  const chunks: Buffer[] = [];
  for await (const chunk of child.stdout) chunks.push(chunk as Buffer);
  const reply = Buffer.concat(chunks);
  const split = reply.indexOf("\r\n\r\n");
  const headers = new Headers();
  let status = 200;
  for (const line of reply.subarray(0, Math.max(split, 0)).toString("latin1").split("\r\n")) {
    const [name = "", value = ""] = line.split(/:\s*/, 2);
    if (name.toLowerCase() === "status") status = Number(value.slice(0, 3));
    else if (name !== "") headers.set(name, value);
  }
  return new Response(new Uint8Array(reply.subarray(split + 4)), { status: split === -1 ? 500 : status, headers });
}
