import { randomInt } from "node:crypto";
import { beforeAll, expect, test } from "vitest";
import { loadRuleset } from "../../src/config/detectors.ts";
import { utf16Of } from "../../src/decode/utf16.ts";
import type { Ruleset } from "../../src/detector/compile.ts";
import { expandTemplate } from "../../src/detector/template.ts";
import type { Finding } from "../../src/finding.ts";
import { scan, valueAt } from "../../src/scan/scan.ts";
import { scopeSalt } from "../../src/secret.ts";

let ruleset: Ruleset;
beforeAll(async () => {
  ruleset = await loadRuleset();
});

const keyring = { tenant: [], salts: [scopeSalt("t")] };
const key = () => expandTemplate("sk-or-v1-{hex:64}", (below) => randomInt(below));

const every = (text: string, of: (code: number) => string) => [...text].map((character) => of(character.charCodeAt(0))).join("");
const hex = (code: number, digits: number) => code.toString(16).padStart(digits, "0");

/** How people and programs write a text inside of another. */
const encoders: Readonly<Record<string, (text: string) => string>> = {
  base64: (text) => Buffer.from(text).toString("base64"),
  base64url: (text) => Buffer.from(`${text}~~?>`).toString("base64url"),
  hex: (text) => Buffer.from(text).toString("hex"),
  percent: (text) => every(text, (code) => `%${hex(code, 2)}`),
  "unicode-escape": (text) => every(text, (code) => `\\u${hex(code, 4)}`),
  "c-escape": (text) => every(text, (code) => `\\x${hex(code, 2)}`),
  "json-string": (text) => JSON.stringify({ note: text }),
};
const names = Object.keys(encoders);

function findings(text: string | Buffer, path = "a.txt"): Finding[] {
  return scan({ bytes: Buffer.from(text), origin: { kind: "file", path } }, ruleset, keyring);
}

/** Encoded so often that it is seen by whoever undoes three levels, inside of a file of several lines. */
function misses(depth: number): string[] {
  const chains = Array.from({ length: depth }).reduce<string[][]>(
    (all) => all.flatMap((chain) => names.map((name) => [...chain, name])),
    [[]],
  );
  return chains.flatMap((chain) => {
    const value = key();
    const inner = chain.toReversed().reduce((text, name) => encoders[name]?.(text) ?? "", `the key is ${value} today`);
    const text = `first line\nsecond = ${inner}\nthird\n`;
    const found = findings(text);
    const right =
      found.length === 1 &&
      found[0]?.detector === "openrouter-api-key" &&
      found[0].location.startLine === 2 &&
      found[0].location.endLine === 2 &&
      valueAt(Buffer.from(text), found[0].locator, found[0].committed, ruleset, keyring)?.reveal() === value;
    return right ? [] : [`${chain.join(" > ")}: ${found.map(({ detector, location }) => `${detector} ${location.startLine}`).join(", ")}`];
  });
}

test.each([1, 2, 3])("every chain of %i encodings is undone, placed on the outer line, and read again", (depth) => {
  expect(misses(depth)).toEqual([]);
});

test.each(["utf16le", "utf16be"])("%s without a byte order mark, with every encoding in it", (order) => {
  for (const name of ["plain", ...names]) {
    const value = key();
    const text = `first line\r\nsecond = ${(encoders[name] ?? String)(`the key is ${value} today`)}\r\n`;
    const little = Buffer.from(text, "utf16le");
    const bytes = order === "utf16le" ? little : Buffer.from(little).swap16();
    const found = findings(bytes);
    expect([name, found.map(({ detector, location }) => [detector, location.startLine])]).toEqual([name, [["openrouter-api-key", 2]]]);
    const [finding] = found;
    if (finding === undefined) continue;
    expect([name, valueAt(bytes, finding.locator, finding.committed, ruleset, keyring)?.reveal() === value]).toEqual([name, true]);
  }
});

test.each<[string, (parts: readonly string[]) => string]>([
  ["with plus", ([a, b, c]) => `const key = "${a}" + "${b}" +\n    '${c}';\n`],
  ["one below the other", ([a, b, c]) => `KEY = (\n    "${a}"\n    "${b}"\n    r"${c}"\n)\n`],
  ["in C", ([a, b, c]) => `static const char key[] =\n\t"${a}"\n\t"${b}${c}";\n`],
])("literals that are joined %s are one value, which is read again", (_name, write) => {
  for (const cuts of [
    [4, 30],
    [9, 12],
    [40, 72],
  ]) {
    const value = key();
    const text = write([value.slice(0, cuts[0]), value.slice(cuts[0], cuts[1]), value.slice(cuts[1])]);
    const found = findings(text, "a.py");
    expect(found.map(({ detector, location }) => [detector, location.decoded])).toEqual([["openrouter-api-key", ["joined-literals"]]]);
    const [finding] = found;
    expect(finding && valueAt(Buffer.from(text), finding.locator, finding.committed, ruleset, keyring)?.reveal()).toBe(value);
  }
});

test("literals that are not one text are not joined", () => {
  const value = key();
  const [head, tail] = [value.slice(0, 40), value.slice(40)];
  for (const text of [`f("${head}", "${tail}")`, `["${head}",\n "${tail}"]`, `"${head}" "${tail}"`, `a: "${head}"\nb: "${tail}"\n`])
    expect([text, findings(text)]).toEqual([text, []]);
});

test.each([
  ["one zero byte", Buffer.from("key\0value and some more text\n")],
  ["a table of numbers", Buffer.from(Array.from({ length: 400 }, (_, index) => [index & 255, 0, 0, 0]).flat())],
  ["random bytes", Buffer.from(Array.from({ length: 400 }, () => randomInt(256)))],
  ["a short text", Buffer.from("a\0b\0")],
])("%s is no UTF-16", (_name, bytes) => {
  expect(utf16Of(bytes)).toBeUndefined();
});

test("a configuration in UTF-16 is read by its client's grammar", () => {
  const value = expandTemplate("{lower:3}{digits:2}{alnum:28}", (below) => randomInt(below));
  const text = JSON.stringify({ mcpServers: { s: { command: "x", env: { API_KEY: value } } } });
  for (const mark of ["\ufeff", ""]) {
    const bytes = Buffer.from(mark + text, "utf16le");
    expect(findings(bytes, ".mcp.json")).toMatchObject([{ slot: { client: "claude-code", variable: "API_KEY" } }]);
    const { byteStart, byteEnd } = findings(bytes, ".mcp.json")[0]?.locator ?? { byteStart: 0, byteEnd: 0 };
    expect(bytes.subarray(byteStart, byteEnd).toString("utf16le")).toBe(value);
  }
});

test("more encoded text than is undone is said, and does not make the scan incomplete", () => {
  const said: [string, boolean][] = [];
  const bytes = Buffer.from(
    Array.from({ length: 2100 }, (_, index) => Buffer.from(`this is the line number ${index}`).toString("base64")).join("\n"),
  );
  const document = { bytes, origin: { kind: "file" as const }, onUnread: (reason: string, hole: boolean) => said.push([reason, hole]) };
  expect(scan(document, ruleset, keyring)).toEqual([]);
  expect(said).toEqual([["more than 2000 encoded stretches: the rest was not decoded", false]]);
  const long = Buffer.from(Buffer.from("a line of text\n".repeat(60_000)).toString("base64"));
  said.length = 0;
  scan({ ...document, bytes: long }, ruleset, keyring);
  expect(said).toEqual([["an encoded stretch of more than 1048576 bytes was not decoded", false]]);
});

test("hashes are no encoded text: any number of them is tried", () => {
  const said: string[] = [];
  const value = key();
  const digest = () => Buffer.from(Array.from({ length: 64 }, () => 128 + randomInt(128))).toString("base64");
  const lines = [...Array.from({ length: 4000 }, digest), Buffer.from(`the key is ${value}`).toString("base64")];
  const document = {
    bytes: Buffer.from(lines.join("\n")),
    origin: { kind: "file" as const },
    onUnread: (reason: string) => said.push(reason),
  };
  expect(scan(document, ruleset, keyring)).toHaveLength(1);
  expect(said).toEqual([]);
});
