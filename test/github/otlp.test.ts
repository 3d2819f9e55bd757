import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-proto";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import fc from "fast-check";
import protobuf from "protobufjs";
import { afterAll, beforeAll, expect, test } from "vitest";
import messages from "../../src/web/runtime/otlp-messages.json" with { type: "json" };
import { openRouterKey } from "./keys.ts";
import { type AppWorld, startApp, until } from "./world.ts";

let world: AppWorld;
const token = "collector-token-of-this-test";
const headers = { authorization: `Bearer ${token}` };
const root = protobuf.Root.fromJSON(messages);
const type = (name: string) => root.lookupType(name);
const collector = "opentelemetry.proto.collector";
const traceRequest = type(`${collector}.trace.v1.ExportTraceServiceRequest`);

beforeAll(async () => {
  world = await startApp({
    more: 'runtime: { sources: [ { name: collector, token: "env:COLLECTOR", requests_per_minute: 100000 } ] }\n',
    env: { COLLECTOR: token },
  });
}, 60_000);
afterAll(() => world.stop());

const post = (path: string, body: Uint8Array | string, more: Record<string, string> = {}) =>
  fetch(`${world.server.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/x-protobuf", ...headers, ...more },
    body: typeof body === "string" ? body : new Uint8Array(body),
  });
const bytesOf = async (answer: Response) => new Uint8Array(await answer.arrayBuffer());
const trace = (message: object) => traceRequest.encode(traceRequest.fromObject(message)).finish();
const attribute = (key: string, value: string | number) => ({
  key,
  value: typeof value === "string" ? { stringValue: value } : { doubleValue: value },
});
const events = async () => (await world.incidents()).filter(({ kind }) => kind !== undefined);

test("OpenTelemetry's own exporters in protobuf: keys in spans and logs are found, of the agent that spoke", async () => {
  const [inSpan, inLog] = [openRouterKey(), openRouterKey()];
  const url = (path: string) => ({ url: `${world.server.url}${path}`, headers });
  const spans = new SimpleSpanProcessor({ exporter: new OTLPTraceExporter(url("/v1/traces")) });
  const tracer = new TracerProvider({ spanProcessors: [spans] }).getTracer("test");
  tracer.startSpan("quiet", { attributes: { "gen_ai.agent.name": "quiet-agent" } }).end();
  tracer.startSpan("chat", { attributes: { "gen_ai.agent.name": "loud-agent", "gen_ai.input.messages": `use ${inSpan}` } }).end();
  await spans.forceFlush();
  const logs = new SimpleLogRecordProcessor({ exporter: new OTLPLogExporter(url("/v1/logs")) });
  new LoggerProvider({ processors: [logs] })
    .getLogger("test")
    .emit({ body: { said: `use ${inLog}` }, attributes: { "gen_ai.agent.id": "a-1" } });
  await logs.forceFlush();
  const found = await until(
    "both keys",
    () => world.incidents(),
    ({ length }) => length === 2,
  );
  expect(found.map(({ credential, identities }) => [credential.title, identities.map(({ name }) => name)])).toEqual([
    ["OpenRouter API key", ["loud-agent"]],
    ["OpenRouter API key", ["a-1"]],
  ]);
  await spans.shutdown();
  await logs.shutdown();
});

test("the answer is OTLP's own in the type of the request, and says what was rejected", async () => {
  const span = { name: "x", attributes: [attribute("a", "b")] };
  const request = { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] };
  for (const [body, more] of [
    [trace(request), {}],
    [gzipSync(trace(request)), { "content-encoding": "gzip" }],
  ] as const) {
    const answer = await post("/v1/traces", body, more);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("application/x-protobuf");
    const response = type(`${collector}.trace.v1.ExportTraceServiceResponse`);
    expect(response.toObject(response.decode(await bytesOf(answer)))).toEqual({});
  }
  const json = await post("/v1/traces", JSON.stringify(request), { "content-type": "application/json" });
  expect(json.headers.get("content-type")).toBe("application/json");
  expect(await json.json()).toEqual({});

  const many = { resourceSpans: [{ scopeSpans: [{ spans: Array.from({ length: 20_003 }, () => ({})) }] }] };
  const answer = await post("/v1/traces", trace(many));
  const response = type(`${collector}.trace.v1.ExportTraceServiceResponse`);
  expect(response.toObject(response.decode(await bytesOf(answer)), { longs: Number })).toEqual({
    partialSuccess: { rejectedSpans: 3, errorMessage: "at most 20000 a call" },
  });
});

test("a refusal is a google.rpc.Status in the type of the request", async () => {
  const status = type("google.rpc.Status");
  const wrong = await post("/v1/traces", new Uint8Array([255, 255, 255]));
  expect(wrong.status).toBe(400);
  expect(status.toObject(status.decode(await bytesOf(wrong)))).toMatchObject({ code: 3, message: /no export request/ });
  const stranger = await post("/v1/logs", new Uint8Array(), { authorization: "Bearer wrong" });
  expect(stranger.status).toBe(401);
  expect(status.toObject(status.decode(await bytesOf(stranger)))).toMatchObject({ code: 16 });
});

test("what a guardrail found is an event of its agent; a check that passed is none", async () => {
  const finding = (more: Record<string, string | number>) => ({
    name: "gen_ai.security.finding",
    timeUnixNano: "1760000000000000000",
    attributes: Object.entries(more).map(([name, value]) => attribute(`gen_ai.security.${name}`, value)),
  });
  const span = (...found: object[]) => ({
    name: "run_guardrail",
    attributes: [
      attribute("gen_ai.agent.name", "guarded"),
      attribute("gen_ai.operation.name", "run_guardrail"),
      attribute("gen_ai.security.verdict.type", "allow"),
    ],
    events: found,
  });
  const spans = [
    span(
      finding({
        "risk.finding": "prompt_injection",
        "risk.score": 0.93,
        "action.type": "block",
        "policy.name": "Default",
        external_finding_id: "f-1",
      }),
      finding({ "risk.finding": "sensitive_info_disclosure", "verdict.type": "warn", external_finding_id: "f-2" }),
    ),
    span(),
  ];
  for (let times = 0; times < 2; times++)
    expect((await post("/v1/traces", trace({ resourceSpans: [{ scopeSpans: [{ spans }] }] }))).status).toBe(200);
  const record = {
    eventName: "microsoft.security.finding",
    attributes: [
      attribute("gen_ai.agent.name", "guarded"),
      attribute("microsoft.security.risk.category", "excessive_agency"),
      attribute("microsoft.security.risk.severity", "critical"),
      attribute("microsoft.security.decision.type", "deny"),
    ],
  };
  const logs = JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [record] }] }] });
  await post("/v1/logs", logs, { "content-type": "application/json" });
  expect(await events()).toMatchObject([
    {
      kind: "prompt-injection",
      severity: "high",
      clock: { exposed: "2025-10-09T08:53:20.000Z", contained: expect.any(String) },
      identities: [{ name: "guarded", grade: "weak" }],
      report: { source: "collector", action: "blocked", rule: "Default", externalId: "f-1", count: 1 },
    },
    { kind: "data-leakage", severity: "medium", report: { action: "flagged", externalId: "f-2" } },
    { kind: "unsafe-tool-use", severity: "critical", report: { action: "blocked" } },
  ]);
});

test("hostile bytes are answered with 200 or 400 and never stop the server", { timeout: 60_000 }, async () => {
  const nested = (depth: number) => {
    const heads: Buffer[] = [];
    let length = 0;
    // AnyValue.kvlist_value (6) { values (1) { value (2) { … } } }
    for (let level = 0; level < depth; level++)
      for (const tag of [0x12, 0x0a, 0x32]) {
        const head = Buffer.concat([Buffer.from([tag]), varint(length)]);
        heads.unshift(head);
        length += head.length;
      }
    return Buffer.concat(heads);
  };
  const varint = (given: number) => {
    const bytes = [];
    for (let rest = given; ; rest = Math.floor(rest / 128)) {
      bytes.push(rest >= 128 ? (rest % 128) + 128 : rest);
      if (rest < 128) return Buffer.from(bytes);
    }
  };
  const wrap = (tags: readonly number[], inner: Buffer) =>
    tags.reduce((body, tag) => Buffer.concat([Buffer.from([tag]), varint(body.length), body]), inner);
  // resource_spans (1) { scope_spans (2) { spans (2) { attributes (9) { value (2) …
  for (const depth of [10, 1000, 20_000]) {
    const answer = await post("/v1/traces", wrap([0x12, 0x4a, 0x12, 0x12, 0x0a], nested(depth)));
    expect([200, 400], `depth ${depth}`).toContain(answer.status);
  }
  const huge = Buffer.concat([Buffer.from([0x0a]), varint(2 ** 31 - 1), Buffer.from("x")]);
  expect((await post("/v1/traces", huge)).status).toBe(400);
  const good = trace({
    resourceSpans: [{ scopeSpans: [{ spans: [{ name: "n", attributes: [attribute("k", "v")], traceId: randomBytes(16) }] }] }],
  });
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.uint8Array({ maxLength: 300 }),
        fc.tuple(fc.nat(good.length - 1), fc.nat(255)).map(([at, byte]) => {
          const changed = new Uint8Array(good);
          changed[at] = byte;
          return changed;
        }),
        fc.nat(good.length).map((end) => new Uint8Array(good).subarray(0, end)),
      ),
      fc.constantFrom("/v1/traces", "/v1/logs"),
      async (body, path) => {
        expect([200, 400]).toContain((await post(path, body)).status);
      },
    ),
    { numRuns: 150 },
  );
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), async (value) => {
      const body = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [value, { attributes: value, events: [value] }] }] }] });
      expect([200, 400]).toContain((await post("/v1/traces", body, { "content-type": "application/json" })).status);
    }),
    { numRuns: 50 },
  );
  expect((await fetch(`${world.server.url}/readyz`)).status).toBe(200);
});
