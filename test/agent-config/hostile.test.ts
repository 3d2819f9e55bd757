import fc from "fast-check";
import { parse, stringify } from "smol-toml";
import { expect, test } from "vitest";
import { readTree } from "../../src/agent-config/format/read.ts";
import { rangeOf, type Tree } from "../../src/agent-config/format/tree.ts";
import { readAgentConfig } from "../../src/agent-config/index.ts";

const paths = [
  ".mcp.json",
  ".claude/settings.json",
  ".claude/agents/a.md",
  ".cursor/mcp.json",
  ".vscode/mcp.json",
  ".codex/config.toml",
  ".continue/config.yaml",
];
const pieces = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.constantFrom(
    "mcpServers",
    "env",
    "args",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    '"',
    "'",
    "\n",
    "---\n",
    "- ",
    "  ",
    "&a ",
    "*a",
    "<<: ",
    "|\n",
    ">\n",
    "#",
    "//",
    "/*",
    "\\",
    "\\u",
    "= ",
    "[a.b]",
    '"""',
    "'''",
  ),
  fc.constantFrom(`\${A:-`, `\${`, "Bearer ", "https://u:p@h/?key=", "-e", "--header", "op://", "\ud800", "\ufeff", "\0"),
);

test("no text makes a parser throw, and every place lies in the file", () => {
  fc.assert(
    fc.property(fc.constantFrom(...paths), fc.array(pieces, { maxLength: 30 }), (path, parts) => {
      const text = parts.join("");
      const size = Buffer.byteLength(text);
      const config = readAgentConfig(path, text);
      for (const slot of config?.slots ?? []) {
        expect(slot.byteStart).toBeGreaterThanOrEqual(0);
        expect(slot.byteEnd).toBeGreaterThanOrEqual(slot.byteStart);
        expect(slot.byteEnd).toBeLessThanOrEqual(size);
      }
    }),
    { numRuns: 1500 },
  );
});

test("the bytes of a literal slot are the value, whatever characters it has", () => {
  const value = fc
    .string({ unit: "binary", minLength: 1, maxLength: 40 })
    .filter((text) => text.trim() === text && !/[$%{}:\\<>[\]]|^(?:x|basic|bearer|token|api)/i.test(text) && text.length > 3);
  fc.assert(
    fc.property(value, fc.string({ unit: "binary" }), (secret, noise) => {
      const text = JSON.stringify({ [noise]: noise, mcpServers: { s: { command: "x", env: { K: `${secret}9` } } } });
      const slot = readAgentConfig(".mcp.json", text)?.slots.at(-1);
      const raw = Buffer.from(text).subarray(slot?.byteStart, slot?.byteEnd).toString();
      expect(JSON.parse(`"${raw}"`)).toBe(Buffer.from(JSON.parse(JSON.stringify(`${secret}9`))).toString());
    }),
    { numRuns: 300 },
  );
});

test("TOML is read as the reference parser reads it, with the place of every string", () => {
  const leaf = fc.oneof(
    fc.string({ unit: "grapheme", maxLength: 12 }),
    fc.integer(),
    fc.boolean(),
    fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }),
  );
  const key = fc.string({ unit: "grapheme", maxLength: 6 }).filter((text) => text !== "__proto__");
  const { table } = fc.letrec<{ table: Record<string, unknown>; value: unknown }>((tie) => ({
    table: fc.dictionary(key, tie("value"), { maxKeys: 4 }),
    value: fc.oneof(
      { depthSize: "small" },
      leaf,
      fc.array(leaf, { maxLength: 3 }),
      tie("table"),
      fc.array(tie("table"), { minLength: 1, maxLength: 2 }),
    ),
  }));
  fc.assert(
    fc.property(table, (data) => {
      const text = stringify(data);
      const { root, problems } = readTree(text, "toml");
      expect(problems).toEqual([]);
      expect(plain(root, text)).toEqual(withoutOthers(parse(text)));
    }),
    { numRuns: 400 },
  );
});

test.each([
  ['a = "x\\u00e9y\\n"', { a: "xéy\n" }],
  ["a = '''\nx\ny'''", { a: "x\ny" }],
  ['a = """\nx \\\n   y"""', { a: "x y" }],
  ['a = """x""y"""""', { a: 'x""y""' }],
  ["a.b.'c d'.e = 'x'", { a: { b: { "c d": { e: "x" } } } }],
  ["[a]\nb = 'x'\n[c]\nd = 'y'\n[a.e]\nf = 'z'", { a: { b: "x", e: { f: "z" } }, c: { d: "y" } }],
  ["[[a]]\nb = 'x'\n[[a]]\nb = 'y'\n[a.c]\nd = 'z'", { a: [{ b: "x" }, { b: "y", c: { d: "z" } }] }],
  ["a = [ 'x', # note\n 'y', ]\nb = { c = 'z', d = ['e'] } # end", { a: ["x", "y"], b: { c: "z", d: ["e"] } }],
  ["a = 'x'\r\nb = 'y'\r\n", { a: "x", b: "y" }],
])("TOML %j", (text, expected) => {
  const { root, problems } = readTree(text, "toml");
  expect(problems).toEqual([]);
  expect(plain(root, text)).toEqual(expected);
});

test("TOML with a broken line keeps the others and says which", () => {
  const { root, problems } = readTree("a = 'x'\nb = 'y\nc = 'z'\nd == 1\ne = 'v'\n", "toml");
  expect(plain(root, "")).toMatchObject({ a: "x", c: "z", e: "v" });
  expect(problems).toHaveLength(2);
});

const bomb = [
  "a: &a [x, x, x, x, x, x, x, x, x, x]",
  ..."bcdefghi".split("").map((name, index) => `${name}: &${name} [${Array(10).fill(`*${"abcdefgh"[index]}`).join(", ")}]`),
].join("\n");
const hostile: [name: string, path: string, text: string][] = [
  ["deep JSON", ".mcp.json", `{"mcpServers":${"[".repeat(50_000)}`],
  ["deep JSON objects", ".mcp.json", `{"mcpServers":${'{"a":'.repeat(50_000)}`],
  ["deep TOML arrays", ".codex/config.toml", `mcp_servers = ${"[".repeat(50_000)}`],
  ["deep TOML tables", ".codex/config.toml", `mcp_servers = ${"{a=".repeat(50_000)}`],
  ["deep TOML header", ".codex/config.toml", `[${"a.".repeat(50_000)}a]`],
  ["deep YAML flow", ".continue/config.yaml", `mcpServers: ${"[".repeat(50_000)}`],
  ["deep YAML flow in lines", ".continue/config.yaml", `mcpServers: ${"[x,\n ".repeat(5_000)}`],
  ["deep YAML sequence", ".continue/config.yaml", `mcpServers:\n ${"- ".repeat(50_000)}x`],
  ["deep YAML map", ".continue/config.yaml", Array.from({ length: 900 }, (_, depth) => `${" ".repeat(depth)}a:`).join("\n")],
  ["YAML alias bomb", ".continue/config.yaml", `${bomb}\nmcpServers: *i\n`],
  ["YAML alias of itself", ".continue/config.yaml", "mcpServers: &a\n  - *a\n"],
  [
    "many aliases of one anchor",
    ".continue/config.yaml",
    `a: &a x\n${Array.from({ length: 25_000 }, (_, index) => `k${index}: *a`).join("\n")}`,
  ],
  ["many broken TOML lines", ".codex/config.toml", "=\n".repeat(200_000)],
  ["a huge file", ".mcp.json", " ".repeat(5 << 20)],
  ["many references without an end", ".mcp.json", JSON.stringify({ mcpServers: { s: { env: { K: `\${A:-`.repeat(3000) } } } })],
  [
    "many arguments in one",
    ".mcp.json",
    JSON.stringify({ mcpServers: { s: { command: "A=b ".repeat(10_000) + "https://".repeat(2000) } } }),
  ],
];

test.each(hostile)(
  "%s is a problem or nothing, soon",
  (_name, path, text) => {
    const config = readAgentConfig(path, text);
    expect(config === undefined || config.problems.length > 0 || config.slots.length < 5001).toBe(true);
  },
  5000,
);

test("nesting and aliases beyond use are named", () => {
  const [, , deep] = hostile[0] ?? ["", "", ""];
  expect(readAgentConfig(".mcp.json", deep)?.problems).toEqual([{ message: "the file is nested deeper than 100 levels", line: 1 }]);
});

function plain(node: Tree | undefined, text: string): unknown {
  if (node === undefined) return undefined;
  if (node.kind === "map") return Object.fromEntries(node.entries.map(({ key, node: child }) => [key, plain(child, text)]));
  if (node.kind === "list") return node.items.map((item) => plain(item, text));
  if (node.kind === "other") return "other";
  const { start, end } = rangeOf(text, node, 0, node.value.length);
  if (text !== "" && node.style === "raw") expect(text.slice(start, end)).toBe(node.value);
  return node.value;
}

function withoutOthers(value: unknown): unknown {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.map(withoutOthers);
  if (typeof value === "object" && value !== null && !(value instanceof Date)) {
    return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, withoutOthers(child)]));
  }
  return "other";
}
