import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Ajv } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import type { Finding } from "../../src/finding.ts";
import { gitlabReport } from "../../src/report/gitlab.ts";
import { incidentsOcsf } from "../../src/report/incidents-ocsf.ts";
import { junitReport } from "../../src/report/junit.ts";
import { ocsfReport } from "../../src/report/ocsf.ts";
import { sarifReport } from "../../src/report/sarif.ts";
import { gunzip } from "../../src/source/archive/gzip.ts";
import { tarMembers } from "../../src/source/archive/tar.ts";
import { ensureVenv } from "../../src/stand-in/python.ts";
import { real } from "../servers/real.ts";
import { complete, finding } from "./finding.ts";

const run = promisify(execFile);
const cache = fileURLToPath(new URL("../../.cache/rekey", import.meta.url));
const tool = { version: "1.2.3", started: "2026-11-25T08:00:00.123Z", ended: "2026-11-25T08:00:05.456Z" };
const incomplete = { ...complete, complete: false, skipped: [{ path: "a<b", reason: "too large" }] };

/** One of every kind of place and every optional field. */
const findings: readonly Finding[] = [
  finding({
    validity: "active",
    candidates: ["a", "b"],
    identities: [{ id: "x", kind: "agent", name: 'tri"age', relation: "authenticates_as", grade: "confirmed", owner: "@mara" }],
    evidence: [{ method: "checksum", grade: "strong", text: "The token's own checksum is right.", path: "a", line: 3 }],
  }),
  finding({
    id: "1",
    bits: 10,
    severity: "info",
    confidence: "low",
    revoke: "none: change it where it is used",
    verification: { at: "2026-11-25T08:00:00Z", call: "GET https://x", answer: "200", tells: { user: "mara" } },
    location: {
      kind: "commit-message",
      startLine: 1,
      startColumn: 1,
      endLine: 2,
      endColumn: 4,
      commit: "a".repeat(40),
      author: { name: 'M "x" <y>', email: "m@example.org" },
      date: "2026-01-01T00:00:00Z",
    },
  }),
  ...(["critical", "medium", "low"] as const).map((severity) => finding({ id: severity, severity })),
];

/** OASIS's schema as Microsoft's SDK for SARIF ships it on npm; the archive's digest is pinned. */
async function sarifSchema(): Promise<object> {
  const [name, version, digest] = [
    "@microsoft/jest-sarif",
    "1.0.0-beta.0",
    "A1fOhPd6Ic5iDk4F9YPw1qNB4XF+7+IviR7xl8r2F6QzQkx5cpY9LsGk2rExiFIEcBbjpVnSmwWGBukASkiQ9A==",
  ];
  const archive = join(cache, "sarif", `microsoft-jest-sarif-${version}.tgz`);
  if (!existsSync(archive)) {
    mkdirSync(join(cache, "sarif"), { recursive: true });
    await run("npm", ["pack", `${name}@${version}`, "--silent", "--pack-destination", join(cache, "sarif")], { timeout: 120_000 });
  }
  const bytes = readFileSync(archive);
  expect(createHash("sha512").update(bytes).digest("base64")).toBe(digest);
  const members = [...tarMembers(gunzip(bytes, 64 << 20), 64 << 20)];
  const schema = members.find((member) => member.name.endsWith("sarif-2.1.0-rtm.5.json"))?.bytes;
  // draft 4, which differs only in the name of its id
  const { $schema: _, id: $id, ...rest } = JSON.parse(schema?.toString() ?? "{}");
  return { $id, ...rest };
}

/** schema.ocsf.io's own export, made into a JSON Schema. */
async function ocsfSchema(): Promise<object> {
  const bin = await ensureVenv({ cache, name: "ocsf", requirement: "ocsf-json-schema==1.2.0" });
  const script =
    'import json; from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema; print(json.dumps(OcsfJsonSchemaEmbedded(get_ocsf_schema("1.4.0")).get_class_schema("detection_finding", [])))';
  return JSON.parse((await run(join(bin, "python3"), ["-c", script], { maxBuffer: 8 << 20 })).stdout);
}

const sarif = await real("SARIF's schema", sarifSchema);
describe.runIf(sarif !== undefined)("OASIS's schema of SARIF 2.1.0", () => {
  const isSarif = new Ajv({ strict: false, allErrors: true, unicodeRegExp: false, validateFormats: false }).compile(sarif ?? {});
  test.each([
    ["findings", findings, complete],
    ["none", [], complete],
    ["an incomplete scan", findings, incomplete],
  ])("accepts a report of %s", (_name, some, stats) => {
    isSarif(JSON.parse(sarifReport(some, stats, "1.2.3")));
    expect(isSarif.errors).toBeNull();
  });
  test("refuses what is none", () => {
    expect(isSarif({ version: "2.1.0", runs: [{ results: [] }] })).toBe(false);
  });
});

const ocsf = await real("OCSF's schema", ocsfSchema);
describe.runIf(ocsf !== undefined)("OCSF 1.4's schema of a Detection Finding", () => {
  const isEvent = new Ajv2020({ strict: false, allErrors: true, validateFormats: false }).compile(ocsf ?? {});
  test("accepts every event", () => {
    const lines = ocsfReport(findings, tool).trimEnd().split("\n");
    expect(lines).toHaveLength(findings.length);
    for (const line of lines) {
      isEvent(JSON.parse(line));
      expect(isEvent.errors).toBeNull();
    }
  });
  test("accepts incidents: a leaked key, and a runtime event that a person ended", () => {
    const at = "2026-03-01T10:00:00.000Z";
    const base = { id: "RK-7F3K", severity: "high", validity: "unknown", preExisting: false, reopened: [], seq: 1 } as const;
    const identities = [{ id: "agent:x", kind: "agent", name: "bot", grade: "weak", owner: "@mara" }];
    const leaked = { ...base, state: "open", identities, clock: { exposed: at, detected: at } } as const;
    const credential = { fingerprint: "f", detector: "openrouter-api-key", title: "OpenRouter API key" };
    const report = { source: "firewall", action: "blocked", link: "https://firewall.example/1", count: 2, lastAt: at } as const;
    const ended = { ...leaked, kind: "prompt-injection", state: "resolved", resolution: "contained", report } as const;
    const lines = incidentsOcsf(
      [
        { ...leaked, credential },
        { ...ended, credential: { ...credential, title: "Prompt injection" } },
      ],
      "1.2.3",
    );
    const events = lines
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    for (const event of events) {
      isEvent(event);
      expect(isEvent.errors).toBeNull();
    }
    expect(events).toMatchObject([
      { status_id: 1, type_uid: 200_401, finding_info: { types: ["Leaked credential"] } },
      { status_id: 4, type_uid: 200_403, finding_info: { types: ["Prompt injection"], src_url: "https://firewall.example/1" } },
    ]);
  });
  test("refuses an attribute that it does not have", () => {
    const [first = "{}"] = ocsfReport(findings, tool).split("\n");
    expect(isEvent({ ...JSON.parse(first), secret: "x" })).toBe(false);
  });
});

/** What GitLab's security-report-schemas 15.0.2 and later ask of a secret detection report, restated: the file itself is in no package. */
const text = { type: "string", minLength: 1 };
const analyzer = {
  type: "object",
  required: ["id", "name", "version", "vendor"],
  properties: { id: text, name: text, version: text, vendor: { type: "object", required: ["name"], properties: { name: text } } },
};
const time = { type: "string", pattern: "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}$" };
const gitlab = {
  type: "object",
  required: ["scan", "version", "vulnerabilities"],
  properties: {
    version: { type: "string", pattern: "^15\\.\\d+\\.\\d+$" },
    scan: {
      type: "object",
      required: ["analyzer", "end_time", "scanner", "start_time", "status", "type"],
      properties: {
        analyzer,
        scanner: analyzer,
        start_time: time,
        end_time: time,
        status: { enum: ["success", "failure"] },
        type: { const: "secret_detection" },
        messages: {
          type: "array",
          items: { type: "object", required: ["level", "value"], properties: { level: { enum: ["info", "warn", "fatal"] }, value: text } },
        },
      },
    },
    vulnerabilities: {
      type: "array",
      items: {
        type: "object",
        required: ["id", "identifiers", "location"],
        properties: {
          id: text,
          name: { type: "string", maxLength: 255 },
          description: { type: "string", maxLength: 1_048_576 },
          severity: { enum: ["Info", "Unknown", "Low", "Medium", "High", "Critical"] },
          solution: { type: "string", maxLength: 7000 },
          identifiers: {
            type: "array",
            minItems: 1,
            items: { type: "object", required: ["type", "name", "value"], properties: { type: text, name: text, value: text } },
          },
          details: {
            type: "object",
            additionalProperties: {
              type: "object",
              required: ["type", "name", "value"],
              properties: { type: { const: "text" }, name: text, value: { type: "string" } },
            },
          },
          location: {
            type: "object",
            required: ["commit"],
            properties: {
              file: { type: "string" },
              start_line: { type: "number" },
              end_line: { type: "number" },
              commit: {
                type: "object",
                required: ["sha"],
                properties: { sha: text, author: { type: "string" }, date: { type: "string" }, message: { type: "string" } },
              },
            },
          },
        },
      },
    },
  },
};

test.each([
  ["findings", findings, complete],
  ["none", [], complete],
  ["an incomplete scan", findings, incomplete],
])("a GitLab report of %s has what GitLab asks for", (_name, some, stats) => {
  const isReport = new Ajv({ allErrors: true }).compile(gitlab);
  isReport(JSON.parse(gitlabReport(some, stats, tool)));
  expect(isReport.errors).toBeNull();
});

/** Elements and attributes that Jenkins's schema of JUnit reports (xunit plugin, junit-10.xsd) allows; it has the only one that is enforced. */
const junit: Readonly<Record<string, { readonly in: string; readonly attributes: string; readonly required: string }>> = {
  testsuites: { in: "", attributes: "name time tests failures errors", required: "" },
  testsuite: {
    in: "testsuites testsuite",
    attributes: "name tests failures errors group time skipped timestamp hostname id package file log url",
    required: "name tests failures errors",
  },
  testcase: { in: "testsuite", attributes: "name time classname group", required: "name" },
  failure: { in: "testcase", attributes: "type message", required: "" },
  error: { in: "testcase", attributes: "type message", required: "" },
};

test.each([
  ["findings", findings, complete],
  ["none", [], complete],
  ["an incomplete scan", findings, incomplete],
])("a JUnit report of %s has only elements and attributes of its schema", (_name, some, stats) => {
  const open: string[] = [];
  for (const [, slash, name = "", attributes = "", alone] of junitReport(some, stats).matchAll(
    /<(\/?)([a-z]+)((?:\s[a-z]+="[^"<]*")*)\s*(\/?)>/g,
  )) {
    if (slash === "/") {
      expect(open.pop()).toBe(name);
      continue;
    }
    const names = [...attributes.matchAll(/\s([a-z]+)=/g)].map((match) => match[1] ?? "");
    const rule = junit[name];
    expect([name, rule?.in.split(" ").includes(open.at(-1) ?? "")]).toEqual([name, true]);
    expect([name, names.filter((one) => !rule?.attributes.split(" ").includes(one))]).toEqual([name, []]);
    for (const one of rule?.required.split(" ").filter(Boolean) ?? []) expect(names).toContain(one);
    if (alone !== "/") open.push(name);
  }
  expect(open).toEqual([]);
});
