import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

/**
 * The layers of contracts.md §11. A module imports from lines above it and from its left on the same line;
 * the members of one inner list do not import each other.
 */
const layers: (string | string[])[][] = [
  ["errors", "log", "on-demand", "strict-yaml"],
  ["secret", "document", "finding"],
  ["decode", "detector", "agent-config", "transcript", "rule-import"],
  ["scan", "identity", "incident"],
  ["driver", "playbook", "governance", "metric", "repair", "report"],
  ["config"],
  ["git", "http", "connection"],
  [["store", "source", "provider", "secret-manager", "github", "notify", "rotation", "web"]],
  ["pipeline"],
  [["app"], ["stand-in"], ["cli"]],
];

/** Down to `report` nothing touches the outside world. */
const pureLayers = 5;
const effects = /^(node:)?(fs|fs\/promises|net|http|https|http2|tls|dgram|dns|child_process|worker_threads|cluster|os)$/;

const src = fileURLToPath(new URL("../src", import.meta.url));

function files(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? files(path) : name.endsWith(".ts") ? [path] : [];
  });
}

function moduleOf(path: string): string {
  return (relative(src, path).split("/")[0] ?? "").replace(/\.ts$/, "");
}

function position(module: string): { line: number; column: number; group: number } {
  for (const [line, members] of layers.entries()) {
    for (const [column, member] of members.entries()) {
      if (member === module) return { line, column, group: -1 };
      if (Array.isArray(member) && member.includes(module)) return { line, column, group: member.indexOf(module) };
    }
  }
  throw new Error(`src/${module} stands in no layer of test/imports.test.ts; contracts.md §11 says where it may go`);
}

function mayImport(from: string, to: string): boolean {
  if (from === to) return true;
  const [a, b] = [position(from), position(to)];
  if (b.line !== a.line) return b.line < a.line;
  if (b.column !== a.column) return b.column < a.column;
  return false;
}

function imports(path: string): string[] {
  const text = readFileSync(path, "utf8");
  return [...text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*"([^"]+)"/g)].map((match) => match[1] ?? "");
}

test("modules import only from the layers above them", () => {
  const wrong = files(src).flatMap((path) =>
    imports(path)
      .filter((specifier) => specifier.startsWith(".") && resolve(dirname(path), specifier).startsWith(src))
      .filter((specifier) => !mayImport(moduleOf(path), moduleOf(resolve(dirname(path), specifier))))
      .map((specifier) => `${relative(src, path)} imports ${specifier}`),
  );
  expect(wrong).toEqual([]);
});

test("pure modules import nothing with I/O", () => {
  const pure = new Set(layers.slice(0, pureLayers).flat(2));
  const wrong = files(src)
    .filter((path) => pure.has(moduleOf(path)))
    .flatMap((path) =>
      imports(path)
        .filter((specifier) => effects.test(specifier))
        .map((specifier) => `${relative(src, path)} imports ${specifier}`),
    );
  expect(wrong).toEqual([]);
});

test("only config reads the environment", () => {
  const wrong = files(src)
    .filter((path) => !["config", "cli"].includes(moduleOf(path)))
    .filter((path) => /\bprocess\.env\b/.test(readFileSync(path, "utf8")))
    .map((path) => relative(src, path));
  expect(wrong).toEqual([]);
});
