import type { ConfigSlot } from "../../agent-config/index.ts";
import { type Edit, lineEnd, lineStart, type NoRewrite, newlineOf, type Rewrite, type Target } from "../syntax.ts";

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
  const done = (edits: readonly Edit[], reference: string, name = variable): Rewrite => ({
    edits,
    reference,
    name,
    next: [`Codex takes ${name} from the environment that it is started in: set it there, from your secret manager.`],
  });

  const renamed = key === "bearer_token" ? "bearer_token_env_var" : key === "experimental_bearer_token" ? "env_key" : undefined;
  if (renamed !== undefined && isLine(line, key) && !has(text, tableBefore(text, start), renamed))
    return done(
      [{ start: from, end: from + line.length, text: `${indentOf(line)}${renamed} = "${variable}"` }],
      `${renamed} = "${variable}"`,
    );

  const parent = parts.at(-2);
  if (parent === "env" && parts[1] === "mcp_servers") return environment(target, key, done);
  if (parent === "http_headers") return headers(target, key, done);
  return { none: "Codex takes no name of a variable at this place; take the value out by hand" };
}

type Done = (edits: readonly Edit[], reference: string, name?: string) => Rewrite;

/** `env` sets; `env_vars` passes on what Codex itself was started with. */
function environment(target: Target, key: string, done: Done): Rewrite | NoRewrite {
  const edits = moveEntry(target, { key, from: "env", to: "env_vars", open: "[", close: "]", entry: `"${key}"` });
  if (edits === undefined)
    return { none: `take ${key} out of env, and name it in env_vars = [..., "${key}"] of the same server: Codex then passes on its own` };
  return done(edits, `env_vars = ["${key}"]`, key);
}

function headers(target: Target, key: string, done: Done): Rewrite | NoRewrite {
  const { text, start, variable } = target;
  const scheme = /["'](bearer|basic|token)\s$/i.exec(text.slice(Math.max(0, start - 10), start))?.[1];
  if (scheme?.toLowerCase() === "bearer" && /^authorization$/i.test(key))
    return {
      none: `Codex sends "Bearer" by itself: delete the header, and write bearer_token_env_var = "${variable}" in the server's table`,
    };
  if (scheme !== undefined)
    return { none: "a header from a variable is sent as it is: put the scheme into the variable too, and name it in env_http_headers" };
  const entry = `${/^[\w-]+$/.test(key) ? key : JSON.stringify(key)} = "${variable}"`;
  const edits = moveEntry(target, { key, from: "http_headers", to: "env_http_headers", open: "{", close: "}", entry });
  if (edits === undefined) return { none: `take the header out of http_headers, and write ${entry} under env_http_headers` };
  return done(edits, `env_http_headers = { ${entry} }`);
}

interface Move {
  readonly key: string;
  /** The map that has the value, and the list or map beside it that is to have the name. */
  readonly from: string;
  readonly to: string;
  readonly open: string;
  readonly close: string;
  readonly entry: string;
}

/** Out of one inline map or table of a server, into another; undefined where either is written in another way. */
function moveEntry(target: Target, move: Move): Edit[] | undefined {
  const { text, start } = target;
  const newline = newlineOf(text);
  const [from, to] = [lineStart(text, start), lineEnd(text, start)];
  const line = text.slice(from, to);
  const table = tableBefore(text, start);
  if (table === undefined) return undefined;
  const after = to + (/^\r?\n/.exec(text.slice(to, to + 2))?.[0].length ?? 0);

  const inline = /^(\s*)([\w-]+)\s*=\s*\{(.*)\}\s*$/.exec(line);
  if (inline !== null) {
    if (inline[2] !== move.from) return undefined;
    const kept = entriesOf(inline[3] ?? "", move.key);
    if (kept === undefined) return undefined;
    const rest = kept.length === 0 ? [] : [`${inline[1]}${move.from} = { ${kept.join(", ")} }`];
    const known = addedTo(text, table, move);
    if (known === "unreadable") return undefined;
    if (known !== undefined)
      return [known, rest.length === 0 ? { start: from, end: after, text: "" } : { start: from, end: to, text: rest.join() }];
    return [{ start: from, end: to, text: [...rest, `${inline[1]}${written(move)}`].join(newline) }];
  }

  if (!table.name.endsWith(`.${move.from}`) || !isLine(line, move.key)) return undefined;
  const server = table.name.slice(0, -1 - move.from.length);
  const own = tables(text).find(({ name }) => name === server);
  const names = tables(text).find(({ name }) => name === `${server}.${move.to}`);
  const gone: Edit = only(text, table.end) ? { start: table.start, end: after, text: "" } : { start: from, end: after, text: "" };
  if (names !== undefined) return [{ start: names.end, end: names.end, text: `${newline}${move.entry}` }, gone];
  if (own === undefined) {
    const head = `[${server}]${newline}${written(move)}`;
    if (gone.start === table.start) return [{ start: table.start, end: to, text: head }];
    return [{ start: table.start, end: table.start, text: `${head}${newline}${newline}` }, gone];
  }
  const known = addedTo(text, own, move);
  if (known === "unreadable") return undefined;
  return [known ?? { start: own.end, end: own.end, text: `${newline}${written(move)}` }, gone];
}

function written({ to, open, close, entry }: Move): string {
  return open === "[" ? `${to} = [${entry}]` : `${to} = ${open} ${entry} ${close}`;
}

/** The entry behind those that the list or map has already; undefined where the table has none. */
function addedTo(text: string, table: TableHeader, { to, open, close, entry }: Move): Edit | "unreadable" | undefined {
  const body = text.slice(table.end).split(/^\[/m)[0] ?? "";
  const known = new RegExp(`^[ \\t]*${to}[ \\t]*=[^\\n]*`, "m").exec(body);
  if (known === null) return undefined;
  const value = new RegExp(`=\\s*\\${open}(.*)\\${close}\\s*$`).exec(known[0]);
  if (value === null) return "unreadable";
  const end = table.end + known.index + known[0].lastIndexOf(close);
  const last = (value[1] ?? "").trimEnd();
  const at = end - ((value[1] ?? "").length - last.length);
  return { start: at, end: at, text: `${last.trim() === "" ? "" : last.endsWith(",") ? " " : ", "}${entry}` };
}

/** The entries of an inline table without one; undefined where it is not read whole, or does not have that one. */
function entriesOf(body: string, key: string): string[] | undefined {
  const entries = [...body.matchAll(/\s*((?:"[^"]*"|'[^']*'|[\w-]+)\s*=\s*(?:"(?:[^"\\]|\\.)*"|'[^']*'|[\w.+-]+))\s*(?:,|$)/g)];
  if (entries.map((match) => match[0]).join("") !== body) return undefined;
  const all = entries.map((match) => match[1] ?? "");
  const kept = all.filter(
    (entry) =>
      (/^(?:"([^"]*)"|'([^']*)'|([\w-]+))/
        .exec(entry)
        ?.slice(1)
        .find((name) => name !== undefined) ?? "") !== key,
  );
  return kept.length === all.length - 1 ? kept : undefined;
}

interface TableHeader {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

function tables(text: string): TableHeader[] {
  return [...text.matchAll(/^\[([^\]\n[]{1,300})\][ \t]*/gm)].map((match) => ({
    name: (match[1] ?? "").trim(),
    start: match.index,
    end: match.index + match[0].length,
  }));
}

function tableBefore(text: string, at: number): TableHeader | undefined {
  return tables(text.slice(0, at)).at(-1);
}

/** Whether a table has exactly one entry. */
function only(text: string, from: number): boolean {
  const body = text.slice(from).split(/^\[/m)[0] ?? "";
  return body.split("\n").filter((line) => /^\s*[^#\s]/.test(line)).length === 1;
}

/** Whether a table has this key. */
function has(text: string, table: TableHeader | undefined, key: string): boolean {
  const body = table === undefined ? text.split(/^\[/m)[0] : text.slice(table.end).split(/^\[/m)[0];
  return new RegExp(`^[ \\t]*${key}[ \\t]*=`, "m").test(body ?? "");
}

function isLine(line: string, key: string): boolean {
  return new RegExp(`^\\s*["']?${RegExp.escape(key)}["']?\\s*=\\s*(?:"[^"]*"|'[^']*')\\s*$`).test(line);
}

function indentOf(line: string): string {
  return /^\s*/.exec(line)?.[0] ?? "";
}
