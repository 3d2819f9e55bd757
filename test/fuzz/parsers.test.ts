import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { stringify as toToml } from "smol-toml";
import { expect, test } from "vitest";
import { stringify as toYaml } from "yaml";
import { type Surface, standardServer } from "../../src/agent-config/client.ts";
import { clientFor, clients, readAgentConfig } from "../../src/agent-config/index.ts";
import { parseSalt } from "../../src/config/repository.ts";
import { repositoryDetectors } from "../../src/config/repository-detectors.ts";
import { decodings, undo } from "../../src/decode/decode.ts";
import { utf16Of } from "../../src/decode/utf16.ts";
import { loadRegexEngine } from "../../src/detector/regex.ts";
import { shapeOf } from "../../src/detector/regex-shape.ts";
import { parseDetectorFile } from "../../src/detector/schema.ts";
import type { DecodeStep } from "../../src/document.ts";
import { ConfigError } from "../../src/errors.ts";
import { parseIdentitiesFile } from "../../src/identity/declared.ts";
import { requiredLiterals } from "../../src/rule-import/anchors.ts";
import { readRules } from "../../src/rule-import/document.ts";
import { anchoredAlternation, withSecretGroup } from "../../src/rule-import/pattern.ts";
import { parseIgnore } from "../../src/scan/ignore-file.ts";
import { parseBaseline } from "../../src/scan/suppress.ts";
import { gunzip } from "../../src/source/archive/gzip.ts";
import { type Member, UnreadableError } from "../../src/source/archive/member.ts";
import { tarMembers } from "../../src/source/archive/tar.ts";
import { zipMembers } from "../../src/source/archive/zip.ts";
import { parseLog } from "../../src/source/git-log.ts";
import { formats } from "../../src/transcript/index.ts";

/** Text as parsers fear it: halves of syntax, escapes, surrogates, NUL, in any order. */
const noise = fc.oneof(
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.constantFrom(
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    ":",
    ",",
    '"',
    "'",
    "\n",
    "\\",
    "\\u",
    "\\x4",
    "%4",
    "- ",
    "---\n",
    "&a ",
    "*a",
    "<<: ",
    "|\n",
  ),
  fc.constantFrom(
    `\${A:-`,
    "\ud800",
    "\ufeff",
    "\0",
    "[[a]]",
    '"""',
    "= ",
    "#",
    "//",
    "/*",
    "-e",
    "Bearer ",
    "https://u:p@h/?k=",
    "<",
    "é",
    "🔑",
  ),
);

/** A text with pieces cut out, doubled or put in: most of it stays what its parser expects. */
function damaged(text: string): fc.Arbitrary<string> {
  const edit = fc.record({ at: fc.nat(), cut: fc.nat({ max: 6 }), put: fc.oneof(noise, fc.constant("")) });
  return fc.array(edit, { maxLength: 6 }).map((edits) =>
    edits.reduce((now, { at, cut, put }) => {
      const place = now.length === 0 ? 0 : at % now.length;
      return now.slice(0, place) + put + now.slice(place + cut);
    }, text),
  );
}

const leaf = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.constantFrom(`\${env:A}`, `\${A:-b}`, "Bearer x", "https://u:p%40@h/x?api_key=a&b=c", "--api-key=v", "-e A=b", "op://v/i/f", "é🔑"),
);

/** A document that holds what a client declares, each place with some text or list. */
function documentOf(surface: Surface): fc.Arbitrary<string> {
  const inServers = (surface.servers ?? []).flatMap((server) => (surface.server ?? standardServer).map((place) => server + place.at));
  const pointers = [...inServers, ...(surface.slots ?? []).map(({ at }) => at)];
  const path = pathOf(surface);
  return fc
    .array(fc.tuple(fc.constantFrom(...pointers), fc.oneof(leaf, fc.array(leaf, { maxLength: 3 }))), { maxLength: 6 })
    .map((values) => {
      const root: Record<string, unknown> = Object.fromEntries((surface.onlyWith ?? []).slice(0, 1).map((key) => [key, {}]));
      for (const [pointer, value] of values) {
        let at = root;
        const keys = pointer
          .split("/")
          .slice(1)
          .map((key) => (key === "*" ? "k" : key));
        for (const key of keys.slice(0, -1)) {
          if (typeof at[key] !== "object" || Array.isArray(at[key])) at[key] = {};
          at = at[key] as Record<string, unknown>;
        }
        at[keys.at(-1) ?? ""] = value;
      }
      if (surface.format === "front-matter") return `---\n${toYaml(root)}---\n`;
      if (/\.ya?ml$/.test(path)) return toYaml(root);
      return path.endsWith(".toml") ? toToml(root) : JSON.stringify(root);
    });
}

function pathOf({ paths }: Surface): string {
  return (paths[0] ?? "")
    .replaceAll("**/", "")
    .replaceAll(/\{([^,}]*),[^}]*\}/g, "$1")
    .replaceAll("*", "x")
    .replace(/^\//, "");
}

test.each(clients.map((client) => [client.id, client] as const))(
  "agent config %s: no text throws, every place lies in the file",
  (id, client) => {
    for (const surface of client.surfaces) {
      const path = pathOf(surface);
      expect(clientFor(path)?.id).toBe(id);
      fc.assert(
        fc.property(documentOf(surface).chain(damaged), (text) => {
          const size = Buffer.byteLength(text);
          const config = readAgentConfig(path, text);
          for (const { byteStart, byteEnd, line } of config?.slots ?? [])
            expect([byteStart >= 0, byteEnd >= byteStart, byteEnd <= size, line >= 1]).toEqual([true, true, true, true]);
          for (const { byteStart, byteEnd } of config?.servers ?? [])
            expect(byteStart >= 0 && byteEnd >= byteStart && byteEnd <= size).toBe(true);
        }),
        { numRuns: 60 },
      );
    }
  },
);

const message = fc.record({
  role: fc.constantFrom("user", "assistant", "tool", "x"),
  type: fc.constantFrom("user", "tool_use", "tool_result", "response_item", "GENERATION", "session_meta", 7, null),
  content: fc.oneof(leaf, fc.array(fc.record({ type: fc.constantFrom("text", "tool_use"), text: leaf, name: leaf }), { maxLength: 2 })),
  message: fc.record({ role: fc.constant("user"), content: leaf }),
  payload: fc.record({ type: fc.constantFrom("message", "function_call"), arguments: leaf.map((text) => JSON.stringify({ k: text })) }),
  inputs: fc.dictionary(fc.constantFrom("messages", "input"), leaf),
  input: leaf,
  attributes: fc.oneof(
    fc.array(fc.record({ key: fc.constantFrom("gen_ai.prompt.0.content", "x"), value: fc.record({ stringValue: leaf }) }), {
      maxLength: 2,
    }),
    fc.dictionary(fc.constantFrom("input.value", "gen_ai.tool.call.result"), leaf),
    leaf,
  ),
});
const transcript = fc.oneof(
  fc.array(message, { maxLength: 4 }).map((lines) => lines.map((line) => JSON.stringify(line)).join("\n")),
  fc.array(message, { maxLength: 4 }).map((lines) => JSON.stringify(lines)),
  fc
    .array(message, { maxLength: 3 })
    .map((cells) => JSON.stringify({ cells, requests: cells, messages: cells, resourceSpans: cells, observations: cells })),
  fc
    .array(fc.constantFrom("#### u\n", "> t\n", "a\n", "# aider chat started at x\n", "é🔑\n"), { maxLength: 8 })
    .map((lines) => lines.join("")),
);

test.each(formats.map((format) => [format.id, format] as const))(
  "transcript %s: no text throws, every leaf lies in the file",
  (_id, format) => {
    fc.assert(
      fc.property(transcript.chain(damaged), fc.constantFrom("a.json", "a.jsonl", "x/a.md"), (text, path) => {
        const size = Buffer.byteLength(text);
        format.takes(path, text);
        const { leaves, unparsed } = format.read(text, path);
        for (const { byteStart, byteEnd } of leaves) expect(byteStart >= 0 && byteEnd >= byteStart && byteEnd <= size).toBe(true);
        expect(unparsed()).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 250 },
    );
  },
);

/** Every step there is: another one does not compile here until it is tried. */
const steps: Readonly<Record<DecodeStep, true>> = {
  base64: true,
  base64url: true,
  hex: true,
  percent: true,
  "unicode-escape": true,
  "c-escape": true,
  "json-string": true,
  "joined-literals": true,
  "utf-16le": true,
  "utf-16be": true,
};

test("decoders: no bytes throw, stretches lie in them, and nothing decodes to more than it was", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc
      .array(fc.oneof(noise, fc.base64String({ minLength: 24, maxLength: 80 }), fc.constantFrom("%41%4", "\\u0041", "\\x")), {
        maxLength: 12,
      })
      .map((parts) => Buffer.from(parts.join(""))),
  );
  fc.assert(
    fc.property(bytes, (input) => {
      utf16Of(input);
      for (const { start, end, bytes: decoded } of decodings(input)) {
        expect(start >= 0 && end > start && end <= input.length).toBe(true);
        expect(decoded.length).toBeLessThanOrEqual(3 * (end - start));
      }
      const even = Buffer.from(input)
        .toString("latin1")
        .slice(0, input.length - (input.length % 2));
      for (const step of Object.keys(steps) as DecodeStep[]) undo(step, even);
    }),
    { numRuns: 1500 },
  );
});

/** One entry for each file of src/source/archive that reads an archive. */
const archives: Readonly<Record<string, (bytes: Buffer) => Iterable<Member> | Buffer>> = {
  "gzip.ts": (bytes) => gunzip(bytes, 1 << 20),
  "tar.ts": (bytes) => tarMembers(bytes, 1 << 20),
  "zip.ts": (bytes) => zipMembers(bytes, 1 << 20),
};

test("every reader of archives is here", () => {
  const files = readdirSync(fileURLToPath(new URL("../../src/source/archive", import.meta.url)));
  expect(files.filter((file) => file !== "member.ts").sort()).toEqual(Object.keys(archives).sort());
});

test.each(Object.entries(archives))("archive %s: bytes give members within the bound, or say what is wrong", (_file, read) => {
  const header = (name: string, size: string, kind: string) => {
    const block = Buffer.alloc(512);
    block.write(name.slice(0, 100), 0, "latin1");
    block.write(size, 124, "latin1");
    block.write(kind, 156, "latin1");
    block.write("ustar", 257, "latin1");
    return block;
  };
  const zip = Buffer.from(
    "504b0304140000000000000021000000000003000000030000000100000061414243504b0102140014000000000000002100000000000300000003000000010000000000000000000000000000000000000061504b050600000000010001002f000000220000000000",
    "hex",
  );
  const seed = fc.constantFrom(
    gzipSync("text ".repeat(50)),
    Buffer.concat([header("a/../../b", "00000000005\0", "0"), Buffer.from("hello".padEnd(512, "\0")), Buffer.alloc(1024)]),
    Buffer.concat([header("././@LongLink", "77777777777\0", "L"), Buffer.alloc(512)]),
    zip,
    gzipSync(Buffer.alloc(4 << 20)),
  );
  const bytes = fc
    .tuple(seed, fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 8 }), fc.nat({ max: 4 }))
    .map(([start, edits, cut]) => {
      const copy = Buffer.from(start);
      for (const [at, value] of edits) if (copy.length > 0) copy[at % copy.length] = value;
      return copy.subarray(0, Math.max(0, copy.length - cut * Math.floor(copy.length / 8)));
    });
  fc.assert(
    fc.property(
      fc.oneof(
        bytes,
        fc.uint8Array({ maxLength: 600 }).map((array) => Buffer.from(array)),
      ),
      (input) => {
        try {
          const result = read(input);
          if (Buffer.isBuffer(result)) expect(result.length).toBeLessThanOrEqual(1 << 20);
          else
            for (const { name, bytes: content } of result) {
              expect(name.startsWith("/") || name.split("/").includes("..")).toBe(false);
              expect(content?.length ?? 0).toBeLessThanOrEqual(1 << 20);
            }
        } catch (error) {
          expect(error).toBeInstanceOf(UnreadableError);
        }
      },
    ),
    { numRuns: 400 },
  );
});

test("git's log: any bytes in any chunks give commits, never an error", async () => {
  const id = "a".repeat(40);
  const commit = [id, id, "", "A", "a@x", "1700000000", "message", `:100644 100644 ${id} ${id} M`, "path", ""].join("\0");
  await fc.assert(
    fc.asyncProperty(damaged(commit + commit), fc.nat({ max: 40 }), async (text, size) => {
      const bytes = Buffer.from(text);
      async function* chunks(): AsyncGenerator<Buffer> {
        for (let at = 0; at < bytes.length; at += size + 1) yield bytes.subarray(at, at + size + 1);
      }
      for await (const { date, changes } of parseLog(chunks())) {
        expect(Number.isNaN(Date.parse(date))).toBe(false);
        expect(changes.length).toBeLessThanOrEqual(bytes.length);
      }
    }),
    { numRuns: 400 },
  );
});

const detectors = `provider: acme
name: Acme
references: ['https://acme.io/docs']
detectors:
  - { id: acme-key, name: Acme key, token: 'acme_{lowernum:30}', confidence: medium, severity: high, revoke: 'none: x', examples: { match: [x], no_match: [y] } }
allow: [{ reason: known, paths: ['^a'] }]
`;
const toml = `title = "x"
[extend]
path = "b.toml"
[[rules]]
id = "one"
regex = '''acme_([a-z0-9]{30})'''
entropy = 3.0
keywords = ["acme"]
[[rules.allowlists]]
stopwords = ["a"]
`;
const ownFiles: readonly [name: string, sample: string, parse: (text: string) => unknown][] = [
  ["imported rules", toml, (text) => readRules(text, "a.toml")],
  ["detectors", detectors, (text) => parseDetectorFile(text, "a.yml")],
  ["a repository's detectors", detectors, (text) => repositoryDetectors([{ path: ".rekey/detectors/a.yml", text }])],
  ["ignore rules", "version: 1\nignore: [{ paths: ['a/**'], reason: why not }]\n", (text) => parseIgnore(text, "ignore.yml")],
  ["a baseline", `rs1:0123abcd:${"A".repeat(43)}+01234567 # note\nacme-key 1 a b#/p\n`, (text) => parseBaseline(text, "baseline")],
  ["salts", `${"ab".repeat(32)}\n# note\n`, (text) => parseSalt(text)],
  [
    "identities",
    "version: 1\nidentities: [{ kind: agent, name: a, owner: '@x' }]\n",
    (text) => parseIdentitiesFile(text, "identities.yml"),
  ],
];

test.each(ownFiles)("our own files, %s: any text is read or refused with ConfigError", (_name, sample, parse) => {
  fc.assert(
    fc.property(damaged(sample), (text) => {
      try {
        parse(text);
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
      }
    }),
    { numRuns: 400 },
  );
});

const engine = await loadRegexEngine();
const pattern = fc
  .array(
    fc.constantFrom(
      "a",
      "bcd",
      "key",
      "[a-f]",
      "[^x]",
      "\\d",
      "\\.",
      "(",
      ")",
      "(?:",
      "(?i)",
      "(?P<n>",
      "|",
      "?",
      "*",
      "{2}",
      "{0,3}",
      "^",
      "$",
      "[[:alpha:]]",
      "\\b",
      "[](]",
      "\\Q(\\E",
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(""));

function compiled(source: string) {
  try {
    return engine.compile(source);
  } catch {
    return undefined;
  }
}

test("an expression with its secret group named matches what it matched, and one of its literals stands in every match", () => {
  fc.assert(
    fc.property(
      pattern,
      fc.array(fc.constantFrom("a", "b", "bcd", "key", "KEY", "x", "1", ".", "\n", "("), { maxLength: 30 }),
      (source, text) => {
        const before = compiled(source);
        anchoredAlternation(source);
        const named = withSecretGroup(source);
        shapeOf(source);
        if (before === undefined || "problem" in named) return;
        const after = compiled(named.source);
        expect(after).toBeDefined();
        const subject = text.join("");
        const [one, other] = [before.exec(subject), after?.exec(subject)];
        expect([other?.index, other?.text]).toEqual([one?.index, one?.text]);
        const shape = shapeOf(named.source);
        const literals = shape === undefined ? undefined : requiredLiterals(shape);
        if (one === undefined || literals === undefined) return;
        expect(literals.some((literal) => one.text.toLowerCase().includes(literal))).toBe(true);
      },
    ),
    { numRuns: 3000 },
  );
});
