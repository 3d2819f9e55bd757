import fc from "fast-check";
import { expect, test } from "vitest";
import { repairFile } from "../../src/repair/file.ts";
import { variableNames } from "../../src/repair/name.ts";
import { isRewrite } from "../../src/repair/syntax.ts";
import { findingsIn, key } from "./world.ts";

const paths = [
  ".mcp.json",
  ".cursor/mcp.json",
  ".vscode/mcp.json",
  ".codex/config.toml",
  "litellm_config.yaml",
  ".github/workflows/a.yml",
  "compose.yaml",
  "k8s/a.yaml",
  "charts/a/templates/a.yaml",
  "values.yaml",
  "main.tf",
  "a.tfvars",
  ".env",
  ".npmrc",
  "a.sh",
  "a.py",
  "a.ts",
  "a.tsx",
  "a.go",
  "A.java",
  "a.ipynb",
  "a.bin",
];

function repair(path: string, text: string) {
  const findings = findingsIn(path, text);
  return repairFile({
    path,
    text,
    findings,
    variable: variableNames(findings, new Map([[path, text]])),
    scan: (of) => findingsIn(path, of),
  });
}

/** Pieces of which every syntax here has some, so that texts come close to what is parsed. */
const pieces = fc.constantFrom(
  ...[
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    '"',
    "'",
    "`",
    "\\",
    "\n",
    "\r\n",
    ": ",
    " = ",
    ",",
    "#",
    "//",
    "/*",
    "*/",
    "$",
    "${",
    "}}",
    "{{",
    "- ",
    "  ",
    "env",
    "KEY",
  ],
  ...[
    "mcpServers",
    "servers",
    "value",
    "name",
    "jobs:",
    "run: |",
    "apiVersion: v1",
    "kind: Pod",
    "const ",
    "import ",
    "f",
    "b",
    "<<EOF",
    "EOF",
    "\t",
    "\u2028",
    "é",
    "😀",
  ],
  ...[
    "environment:",
    "[mcp_servers.s]",
    "[mcp_servers.s.env]",
    "http_headers",
    "bearer_token",
    "variable ",
    "default",
    "Bearer ",
    "&a",
    "*a",
    "<<: ",
    "|",
    ">",
    "---\n",
  ],
);

test("whatever stands around a value: it never throws, shows no value, and what it writes has one value less", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...paths),
      fc.array(pieces, { maxLength: 40 }),
      fc.array(pieces, { maxLength: 40 }),
      fc.array(pieces, { maxLength: 20 }),
      (path, before, between, after) => {
        const [a, b] = [key(), key()];
        const text = `${before.join("")}${a}${between.join("")}${b}${after.join("")}`;
        const { repairs, text: fresh, diff } = repair(path, text);
        const shown = JSON.stringify([diff, repairs.map(({ repair: one }) => ({ ...one, edits: [] }))]);
        for (const value of [a, b]) expect(shown).not.toContain(value.slice(9, 40));
        const rewritten = repairs.filter(({ repair: one }) => isRewrite(one)).length;
        const left = [a, b].filter((value) => fresh.includes(value)).length;
        if (repairs.length === 2) expect(left).toBe(2 - rewritten);
        if (rewritten === 0) expect(fresh).toBe(text);
      },
    ),
    { numRuns: 600 },
  );
});

test("a second repair finds nothing that the first one left to do", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...paths),
      fc.array(pieces, { maxLength: 30 }),
      fc.array(pieces, { maxLength: 30 }),
      (path, before, after) => {
        const once = repair(path, `${before.join("")}"${key()}"${after.join("")}`);
        const again = repair(path, once.text);
        expect(again.text).toBe(once.text);
      },
    ),
    { numRuns: 300 },
  );
});

test.each(["a.py", "a.sh", "main.tf", ".codex/config.toml", "compose.yaml", "a.ts", "a.go"])(
  "a long line and many brackets in %s are read within bounds",
  (path) => {
    for (const filler of [
      "(".repeat(200_000),
      '"'.repeat(100_001),
      "<<EOF\n".repeat(30_000),
      "[a]\n".repeat(30_000),
      "`${".repeat(50_000),
    ]) {
      const text = `${filler}\nx = "${key()}"\n`;
      expect(() => repair(path, text)).not.toThrow();
    }
  },
  30_000,
);

test("a file of very many values is data: nothing is rewritten", () => {
  const text = Array.from({ length: 201 }, (_, at) => `x${at} = "${key()}"\n`).join("");
  const { text: after, repairs } = repair("a.py", text);
  expect(after).toBe(text);
  expect(repairs).toHaveLength(201);
  expect(repairs[0]?.repair).toEqual({ none: expect.stringContaining("more than 200 values") });
});
