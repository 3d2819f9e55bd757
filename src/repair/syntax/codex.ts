import type { ConfigSlot } from "../../agent-config/index.ts";
import { lineEnd, lineStart, type NoRewrite, newlineOf, type Rewrite, type Target } from "../syntax.ts";

/**
 * Codex has no reference syntax: other keys take the name of a variable instead of the value
 * (https://developers.openai.com/codex/mcp, openai/codex `codex-rs/config/src/mcp_types.rs`).
 */
export function codexRewrite(target: Target, slot: ConfigSlot): Rewrite | NoRewrite {
  const { path, text, start, variable } = target;
  if (!path.endsWith(".toml")) return { none: "Codex keeps its own log-in in this file; take the file out of git and log in again" };
  const from = lineStart(text, start);
  const line = text.slice(from, lineEnd(text, start));
  const parts = slot.pointer.split("/");
  const key = parts.at(-1) ?? "";
  const done = (edits: Rewrite["edits"], reference: string, name = variable): Rewrite => ({
    edits,
    reference,
    name,
    next: [`Codex takes ${name} from the environment that it is started in: set it there, from your secret manager.`],
  });

  const renamed = key === "bearer_token" ? "bearer_token_env_var" : key === "experimental_bearer_token" ? "env_key" : undefined;
  if (renamed !== undefined && isLine(line, key))
    return done(
      [{ start: from, end: from + line.length, text: `${indentOf(line)}${renamed} = "${variable}"` }],
      `${renamed} = "${variable}"`,
    );

  const parent = parts.at(-2);
  if (parent === "env" && parts[1] === "mcp_servers") return environment(target, key, line, done);
  if (parent === "http_headers") return headers(target, key, line, done);
  return { none: "Codex takes no name of a variable at this place; take the value out by hand" };
}

type Done = (edits: Rewrite["edits"], reference: string, name?: string) => Rewrite;

/** `env` sets; `env_vars` passes on what Codex itself was started with. */
function environment({ text, start }: Target, key: string, line: string, done: Done): Rewrite | NoRewrite {
  const from = lineStart(text, start);
  const alone = /^(\s*)env\s*=\s*\{\s*["']?[A-Za-z_]\w*["']?\s*=\s*(?:"[^"]*"|'[^']*')\s*\}\s*$/.exec(line);
  const written = `env_vars = ["${key}"]`;
  if (alone !== null) return done([{ start: from, end: from + line.length, text: `${alone[1]}${written}` }], written, key);
  const table = tableBefore(text, start);
  if (table?.name.endsWith(".env") === true && isLine(line, key) && only(text, table.end))
    return done(intoServer(text, table, from + line.length, written), written, key);
  return { none: `take ${key} out of env, and name it in env_vars = [..., "${key}"] of the same server: Codex then passes on its own` };
}

/** A table with one header becomes the table that takes names. */
function headers({ text, start, variable }: Target, key: string, line: string, done: Done): Rewrite | NoRewrite {
  const from = lineStart(text, start);
  const quoted = /^["']/.test(key) || /^[\w-]+$/.test(key) ? key : JSON.stringify(key);
  const written = `env_http_headers = { ${quoted} = "${variable}" }`;
  const scheme = /["'](?:bearer|basic|token)\s$/i.test(text.slice(Math.max(0, start - 10), start));
  if (scheme && /^authorization$/i.test(key) && /bearer\s$/i.test(text.slice(Math.max(0, start - 8), start)))
    return {
      none: `Codex sends "Bearer" by itself: delete the header, and write bearer_token_env_var = "${variable}" in the server's table`,
    };
  if (scheme)
    return { none: `a header from a variable is sent as it is: put the scheme into the variable too, and name it in env_http_headers` };
  const alone = /^(\s*)http_headers\s*=\s*\{\s*["']?[\w-]+["']?\s*=\s*(?:"[^"]*"|'[^']*')\s*\}\s*$/.exec(line);
  if (alone !== null) return done([{ start: from, end: from + line.length, text: `${alone[1]}${written}` }], written);
  const table = tableBefore(text, start);
  if (table?.name.endsWith(".http_headers") === true && isLine(line, key) && only(text, table.end))
    return done(
      [
        { start: table.start, end: table.end, text: `[${table.name.replace(/http_headers$/, "env_http_headers")}]` },
        { start: from, end: from + line.length, text: `${quoted} = "${variable}"` },
      ],
      `${quoted} = "${variable}"`,
    );
  return { none: `take the header out of http_headers, and write ${quoted} = "${variable}" under env_http_headers` };
}

interface TableHeader {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

function tableBefore(text: string, at: number): TableHeader | undefined {
  const match = [...text.slice(0, at).matchAll(/^\[([^\]\n[]{1,300})\][ \t]*/gm)].at(-1);
  return match === undefined ? undefined : { name: (match[1] ?? "").trim(), start: match.index, end: match.index + match[0].length };
}

/** Whether a table has exactly one entry. */
function only(text: string, from: number): boolean {
  const body = text.slice(from).split(/^\[/m)[0] ?? "";
  return body.split("\n").filter((line) => /^\s*[^#\s]/.test(line)).length === 1;
}

/** The `env` table goes, and the names stand at the beginning of the server's own table, which is made where there is none. */
function intoServer(text: string, table: TableHeader, end: number, written: string): { start: number; end: number; text: string }[] {
  const server = `[${table.name.replace(/\.env$/, "")}]`;
  const newline = newlineOf(text);
  const own = text.indexOf(server);
  if (own === -1) return [{ start: table.start, end, text: `${server}${newline}${written}` }];
  const at = lineEnd(text, own);
  const after = end + (/^\r?\n/.exec(text.slice(end, end + 2))?.[0].length ?? 0);
  return [
    { start: at, end: at, text: `${newline}${written}` },
    { start: table.start, end: after, text: "" },
  ];
}

function isLine(line: string, key: string): boolean {
  return new RegExp(`^\\s*["']?${RegExp.escape(key)}["']?\\s*=\\s*(?:"[^"]*"|'[^']*')\\s*$`).test(line);
}

function indentOf(line: string): string {
  return /^\s*/.exec(line)?.[0] ?? "";
}
