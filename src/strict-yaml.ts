import type { Document, Node } from "yaml";
import type { z } from "zod";
import { ConfigError } from "./errors.ts";
import { onDemand } from "./on-demand.ts";

/** Bounds for files that strangers can write: enough for any real one, too little for an alias bomb. */
const limits = { bytes: 1 << 20, aliases: 100 };

/**
 * Reads one of our own YAML files against its schema. Strict: an unknown key, a duplicate key or a second document is an error.
 * Throws ConfigError with file, line and column, and all problems in one message (the first one's place leads).
 */
export function parseStrictYaml<S extends z.ZodType>(text: string, file: string, schema: S): z.output<S> {
  if (Buffer.byteLength(text) > limits.bytes) {
    throw new ConfigError(`expected at most ${limits.bytes} bytes, this file has ${Buffer.byteLength(text)}; split it`, { file });
  }
  const { LineCounter, parseDocument } = onDemand.yaml();
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false });
  const broken = document.errors[0];
  if (broken !== undefined) {
    const at = lines.linePos(broken.pos[0]);
    throw new ConfigError(`not valid YAML: ${broken.message}`, { file, line: at.line, column: at.col });
  }
  const result = schema.safeParse(valuesOf(document, file));
  if (result.success) return result.data;

  const problems = result.error.issues
    .flatMap((issue) => flatten(issue, []))
    .map(({ path, message, key }) => {
      const at = place(document.contents, path, key);
      const offset = at?.range?.[0];
      return { where: offset === undefined ? undefined : lines.linePos(offset), text: `${dotted(path)}${message}` };
    });
  const [first] = problems;
  const more = problems.slice(1).map(({ where, text: problem }) => `\n  ${file}:${where?.line ?? 1}: ${problem}`);
  throw new ConfigError(`${first?.text ?? "does not fit its schema"}${more.join("")}`, {
    file,
    line: first?.where?.line ?? 1,
    column: first?.where?.col,
  });
}

function valuesOf(document: Document, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: limits.aliases });
  } catch (cause) {
    if (!(cause instanceof ReferenceError)) throw cause;
    throw new ConfigError(`not valid YAML: an alias (*name) without its anchor (&name), or more than ${limits.aliases} aliases`, {
      file,
      cause,
    });
  }
}

interface Problem {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  /** Points at this key of the map instead of the map. */
  readonly key?: string;
}

/** A union reports the branch that came closest: the one whose first problem lies deepest. */
function flatten(issue: z.core.$ZodIssue, prefix: readonly PropertyKey[]): Problem[] {
  const path = [...prefix, ...issue.path];
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path, key, message: `unknown key '${key}'` }));
  }
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    const branches = issue.errors.map((branch) => branch.flatMap((inner) => flatten(inner, path)));
    const deepest = branches.toSorted((a, b) => depth(b) - depth(a))[0];
    if (deepest !== undefined && depth(deepest) > path.length) return deepest;
  }
  return [{ path, message: issue.message }];
}

function depth(problems: readonly Problem[]): number {
  return Math.max(0, ...problems.map(({ path }) => path.length));
}

function place(root: unknown, path: readonly PropertyKey[], key: string | undefined): Node | undefined {
  const { isMap, isPair, isScalar } = onDemand.yaml();
  let node = root as Node | null | undefined;
  for (const part of key === undefined ? path : [...path, key]) {
    if (!isMap(node)) {
      const item =
        node !== null && typeof node === "object" && "get" in node
          ? (node as { get(k: unknown, keep: boolean): unknown }).get(part, true)
          : undefined;
      if (item === undefined) return node ?? undefined;
      node = item as Node;
      continue;
    }
    const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(part));
    if (pair === undefined) return node;
    node = (pair.value ?? pair.key) as Node;
    if (key !== undefined && part === key) return pair.key as Node;
  }
  return node ?? undefined;
}

function dotted(path: readonly PropertyKey[]): string {
  return path.length === 0 ? "" : `${path.map(String).join(".")}: `;
}
