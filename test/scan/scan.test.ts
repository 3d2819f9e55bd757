import { beforeAll, describe, expect, test } from "vitest";
import { loadRuleset } from "../../src/config/detectors.ts";
import type { Ruleset } from "../../src/detector/compile.ts";
import { expandTemplate, seededRandom } from "../../src/detector/template.ts";
import type { Finding } from "../../src/finding.ts";
import { scan, valueAt } from "../../src/scan/scan.ts";
import { fingerprintKey, type Keyring, scopeSalt } from "../../src/secret.ts";

const keyring: Keyring = { tenant: [fingerprintKey(Buffer.alloc(32, 3))], salts: [scopeSalt("github.com/acme/app")] };
const random = seededRandom("scan");
const make = (template: string) => expandTemplate(template, random);
const key = make("sk-or-v1-{hex:64}");

let ruleset: Ruleset;
beforeAll(async () => {
  ruleset = await loadRuleset();
});

function findings(text: string | Uint8Array, path = "notes.txt"): Finding[] {
  const bytes = typeof text === "string" ? Buffer.from(text) : text;
  return scan({ bytes, origin: { kind: "file", path } }, ruleset, keyring);
}

/** The value read again through the finding's locator, as recovery does it. */
function again(text: string | Uint8Array, [finding]: readonly Finding[]): string | undefined {
  const bytes = typeof text === "string" ? Buffer.from(text) : text;
  return finding === undefined ? undefined : valueAt(bytes, finding.locator, finding.fingerprint, ruleset, keyring)?.reveal();
}

test("a finding says whose key it is, where to revoke it and where it stands, and never its value", () => {
  const found = findings(`a\nOPENROUTER_API_KEY=${key}\n`, "app/.env");
  expect(found).toMatchObject([
    {
      detector: "openrouter-api-key",
      provider: "openrouter",
      confidence: "high",
      identity: "model-api-key",
      revoke: expect.stringMatching(/^https:\/\/openrouter\.ai\//),
      location: { kind: "file", path: "app/.env", startLine: 2, startColumn: 20, endLine: 2, endColumn: 20 + key.length },
      locator: { source: "file", path: "app/.env", byteStart: 21, byteEnd: 21 + key.length, decode: [] },
    },
  ]);
  expect(JSON.stringify(found)).not.toContain(key.slice(9, 30));
});

test("columns count UTF-16 units, offsets count bytes", () => {
  const text = `"né 😀": "${key}"`;
  const found = findings(text);
  expect(found).toMatchObject([{ location: { startColumn: 11 }, locator: { byteStart: Buffer.byteLength('"né 😀": "') } }]);
  expect(again(text, found)).toBe(key);
});

test("the name before an encoded value says what it is: one finding, of the vendor's type", () => {
  const value = make("{alnum:32}");
  const text = `kind: Secret\ndata:\n  MISTRAL_API_KEY: ${Buffer.from(value).toString("base64")}\n`;
  const found = findings(text, "secret.yaml");
  expect(found).toMatchObject([{ detector: "mistral-api-key", location: { startLine: 3, decoded: ["base64"] } }]);
  expect(again(text, found)).toBe(value);
});

test("a key over several lines of a notebook's cell is read as one text", () => {
  const body = [make("{b64:64}"), make("{b64:64}"), make("{b64:48}")];
  const lines = ["key = '''-----BEGIN PRIVATE KEY-----\\n", ...body.map((line) => `${line}\\n`), "-----END PRIVATE KEY-----'''\\n"];
  const text = JSON.stringify(
    { cells: [{ cell_type: "code", source: lines.map((line) => line.replace("\\n", "\n")), outputs: [] }], nbformat: 4 },
    null,
    1,
  );
  const found = findings(text, "a.ipynb");
  expect(found).toMatchObject([{ detector: "private-key", location: { pointer: "/cells/0/source" } }]);
  expect(again(text, found)).toContain(body[1]);
});

describe("a value that is written in another way is found once, and can be read again", () => {
  const encoded: [string, string, string[]][] = [
    ["base64 in a Kubernetes secret", `data:\n  key: ${Buffer.from(`token ${key}\n`).toString("base64")}\n`, ["base64"]],
    ["base64 twice", `x = "${Buffer.from(Buffer.from(`k=${key};`).toString("base64")).toString("base64")}"`, ["base64", "base64"]],
    ["hex", `blob: ${Buffer.from(`key ${key}`).toString("hex")}`, ["hex"]],
    ["percent escapes", `https://acme.io/?q=a%20${key.replace("-", "%2D")}&b=1`, ["percent"]],
    ["unicode escapes", `{"k": "${key.replace("sk-", "sk\\u002d")}"}`, ["unicode-escape"]],
  ];

  test.each(encoded)("%s", (_, text, steps) => {
    const found = findings(text);
    expect(found.map(({ detector, location }) => [detector, location.decoded])).toEqual([["openrouter-api-key", steps]]);
    expect(again(text, found)).toBe(key);
  });

  test.each(["utf16le", "utf16be"])("%s with a byte order mark", (order) => {
    const little = Buffer.from(`\uFEFFname,value\r\nkey,${key}\r\n`, "utf16le");
    const bytes = order === "utf16le" ? little : Buffer.from(little).swap16();
    expect(findings(bytes)).toMatchObject([{ detector: "openrouter-api-key", location: { startLine: 2, startColumn: 5 } }]);
  });

  test("plain and in base64 beside it are two places of one credential", () => {
    const found = findings(`a: ${key}\nb: ${Buffer.from(`v ${key}`).toString("base64")}\n`);
    expect(found).toHaveLength(2);
    expect(new Set(found.map(({ fingerprint }) => fingerprint)).size).toBe(1);
  });
});

test("the locator of a changed file gives nothing instead of another value", () => {
  const text = `K=${key}`;
  const found = findings(text);
  expect(again(`K=${make("sk-or-v1-{hex:64}")}`, found)).toBeUndefined();
});

describe("an agent's configuration", () => {
  const config = (value: string, name = "ACME_TOKEN") =>
    JSON.stringify({ mcpServers: { acme: { command: "npx", env: { [name]: value } } } }, null, 2);

  test("a literal of no known format in a secret's slot is a finding at its pointer", () => {
    expect(findings(config(make("{alnum:28}")), ".mcp.json")).toMatchObject([
      { slot: { client: "claude-code", pointer: "/mcpServers/acme/env/ACME_TOKEN", kind: "literal" } },
    ]);
  });

  test("a reference is none, nor is a value in a slot that names no secret", () => {
    expect(findings(config("$" + "{ACME_TOKEN}"), ".mcp.json")).toEqual([]);
    expect(findings(config(make("{alnum:28}"), "ACME_REGION"), ".mcp.json")).toEqual([]);
  });

  test("a vendor's key is one, whatever the client makes of the text around it", () => {
    expect(findings(config(key, "OPENROUTER_API_KEY"), ".mcp.json")).toMatchObject([
      { detector: "openrouter-api-key", slot: { kind: "literal" } },
    ]);
  });
});

test("an inline allow is noted with its reason", () => {
  expect(findings(`K=${key} # rekey:allow rotated on Monday\n`)).toMatchObject([{ allowed: "rotated on Monday" }]);
});

describe("hostile input", () => {
  test.each([
    ["a megabyte of one anchor", "sk-or-v1-".repeat(120_000)],
    ["a megabyte of one character", "A".repeat(1 << 20)],
    ["a megabyte of names without values", "mistral_api_key = ".repeat(60_000)],
    ["bytes that are not text", Buffer.from(Array.from({ length: 1 << 18 }, (_, at) => (at * 31) & 255)).toString("latin1")],
    ["nothing", ""],
  ])("%s holds no finding and is read to its end", (_, text) => {
    expect(findings(text)).toEqual([]);
  });

  test("a key between bytes that are no text is found, at its bytes", () => {
    const [before, after] = [Buffer.from([0x80, 0, 0xc3, 0x28, 0, 10]), Buffer.from([0, 0xff, 0])];
    const bytes = Buffer.concat([before, Buffer.from(`K=${key}`), after]);
    const found = scan({ bytes, origin: { kind: "file" } }, ruleset, keyring);
    expect(found).toMatchObject([{ location: { startLine: 2, startColumn: 3 }, locator: { byteStart: before.length + 2 } }]);
  });

  test("a key at the end of much noise is found", () => {
    expect(findings(`${"password = loadFromVault();\n".repeat(20_000)}K=${key}`)).toMatchObject([{ location: { startLine: 20_001 } }]);
  });
});

describe("ten thousand credentials", () => {
  const line = (index: number) => `é ${index} ${make("sk-or-v1-{hex:64}")}`;

  test("in one line are all found, each at its own column", () => {
    const words = Array.from({ length: 3_000 }, (_, index) => line(index));
    const found = findings(words.join(" "));
    expect(found.length).toBe(3_000);
    let column = 1;
    for (const [index, word] of words.entries()) {
      const start = column + word.indexOf("sk-or");
      expect(found[index]?.location).toMatchObject({ startLine: 1, startColumn: start, endLine: 1, endColumn: column + word.length });
      column += word.length + 1;
    }
  });

  test("are as many as one file gives; that there are more is said", () => {
    const said: string[] = [];
    const bytes = Buffer.from(Array.from({ length: 10_050 }, (_, index) => line(index)).join("\n"));
    const found = scan({ bytes, origin: { kind: "file" }, onUnread: (reason) => said.push(reason) }, ruleset, keyring);
    expect(found.length).toBe(10_000);
    expect(found.at(-1)?.location.startLine).toBe(10_000);
    expect(said).toEqual(["more than 10000 credentials: the rest was left out"]);
  });
});
