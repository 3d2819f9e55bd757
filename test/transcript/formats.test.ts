import fc from "fast-check";
import { expect, test } from "vitest";
import { formats, openTranscript, readTranscript, transcriptFor } from "../../src/transcript/index.ts";

const jsonl = (...lines: unknown[]) => lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n");

/** One line a leaf: `pointer role turn [tool] {session} = the raw bytes`, `~` where the text differs from them. */
function leafLines(path: string, text: string): string[] {
  const bytes = Buffer.from(text);
  return [...(readTranscript(path, text) ?? [])].map((leaf) => {
    const raw = bytes.subarray(leaf.byteStart, leaf.byteEnd).toString();
    if (!leaf.escaped) expect(raw).toBe(leaf.text);
    const tool = leaf.tool === undefined ? "" : ` [${leaf.tool}]`;
    const session = leaf.session === undefined ? "" : ` {${leaf.session}}`;
    return `${leaf.pointer ?? "-"} ${leaf.role ?? "?"} ${leaf.turn}${tool}${session} = ${raw}${leaf.escaped ? ` ~ ${leaf.text}` : ""}`;
  });
}

test("Claude Code: who spoke, which tool, and results under the name of their call", () => {
  const text = jsonl(
    { type: "user", uuid: "u1", sessionId: "s1", cwd: "/home/me", message: { role: "user", content: 'my k€y is "v1"' } },
    {
      type: "assistant",
      sessionId: "s1",
      message: {
        role: "assistant",
        id: "m",
        model: "x",
        content: [
          { type: "text", text: "ok" },
          { type: "tool_use", id: "t1", name: "Bash", input: { command: "cat .env" } },
        ],
      },
    },
    "{broken",
    {
      type: "user",
      sessionId: "s1",
      message: { role: "user", content: [{ type: "tool_result", tool_use_id: "t1", content: "K=v2" }] },
      toolUseResult: { stdout: "K=v2" },
    },
    { type: "other", sessionId: "s1" },
  );
  expect(leafLines("home/.claude/projects/-home-me/a.jsonl", text)).toEqual([
    '/0/message/content user 0 {s1} = my k€y is \\"v1\\" ~ my k€y is "v1"',
    "/1/message/content/0/text assistant 1 {s1} = ok",
    "/1/message/content/1/name assistant 1 [Bash] {s1} = Bash",
    "/1/message/content/1/input/command assistant 1 [Bash] {s1} = cat .env",
    "/3/message/content/0/content tool 2 [Bash] {s1} = K=v2",
    "/3/toolUseResult/stdout tool 2 {s1} = K=v2",
  ]);
  const opened = openTranscript("x/.claude/projects/p/a.jsonl", text);
  expect([...(opened?.leaves ?? [])]).toHaveLength(6);
  expect(opened?.unparsed()).toBe(2);
});

test("Codex: arguments are JSON in a string, and are read as JSON", () => {
  const text = jsonl(
    { timestamp: "t", type: "session_meta", payload: { id: "s1", cwd: "/w" } },
    { type: "response_item", payload: { type: "message", role: "user", content: [{ type: "input_text", text: "hi" }] } },
    {
      type: "response_item",
      payload: { type: "function_call", name: "shell", call_id: "c1", arguments: JSON.stringify({ command: ["echo", 'a "quoted" v1'] }) },
    },
    { type: "response_item", payload: { type: "function_call_output", call_id: "c1", output: "v2\n" } },
    { type: "event_msg", payload: { type: "user_message", message: "bye" } },
  );
  expect(leafLines("sessions/2026/11/24/rollout-2026-11-24-x.jsonl", text)).toEqual([
    "/0/payload/cwd system 0 {s1} = /w",
    "/1/payload/content/0/text user 1 {s1} = hi",
    "/2/payload/name assistant 2 [shell] {s1} = shell",
    String.raw`/2/payload/arguments/command/0 assistant 2 [shell] {s1} = {\"command\":[\"echo\",\"a \\\"quoted\\\" v1\"]} ~ echo`,
    String.raw`/2/payload/arguments/command/1 assistant 2 [shell] {s1} = {\"command\":[\"echo\",\"a \\\"quoted\\\" v1\"]} ~ a "quoted" v1`,
    "/3/payload/output tool 3 [shell] {s1} = v2\\n ~ v2\n",
    "/4/payload/message user 4 {s1} = bye",
  ]);
});

test("notebooks: a cell's source and each output is one text", () => {
  const outputs = [{ output_type: "stream", text: ["x\n", "y"] }, { data: { "text/plain": "z" } }];
  const text = JSON.stringify({ cells: [{ cell_type: "code", source: ["a = 1\n", "b"], outputs }], nbformat: 4 });
  expect([...(readTranscript("a.ipynb", text) ?? [])].map((leaf) => [leaf.pointer, leaf.role, leaf.text])).toEqual([
    ["/cells/0/cell_type", undefined, "code"],
    ["/cells/0/source", undefined, "a = 1\nb"],
    ["/cells/0/outputs/0/output_type", "tool", "stream"],
    ["/cells/0/outputs/0/text", "tool", "x\ny"],
    ["/cells/0/outputs/1/data/text~1plain", "tool", "z"],
  ]);
});

test("any other file of JSON lines with escaped text: every string, nobody speaks", () => {
  expect(leafLines("app.jsonl", jsonl({ level: "info", msg: 'said "hi"' }))).toEqual([
    "/0/level ? 0 = info",
    String.raw`/0/msg ? 0 = said \"hi\" ~ said "hi"`,
  ]);
});

test.each([
  [
    "OpenAI messages",
    {
      model: "m",
      messages: [
        { role: "system", content: "be good" },
        { role: "user", content: [{ type: "text", text: "v1" }] },
        { role: "tool", name: "env", tool_call_id: "c", content: "v2" },
      ],
    },
    [
      "/0/messages/0/content system 0 = be good",
      "/0/messages/1/content/0/text user 0 = v1",
      "/0/messages/2/name tool 0 [env] = env",
      "/0/messages/2/content tool 0 [env] = v2",
    ],
  ],
  [
    "a call of a tool",
    { messages: [{ role: "assistant", tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: '{"k":"v1"}' } }] }] },
    [
      "/0/messages/0/tool_calls/0/function/name assistant 0 [f] = f",
      '/0/messages/0/tool_calls/0/function/arguments/k assistant 0 [f] = {\\"k\\":\\"v1\\"} ~ v1',
    ],
  ],
  [
    "a request log",
    {
      request: { body: { messages: [{ role: "user", content: "v1" }] } },
      response: { choices: [{ message: { role: "assistant", content: "v2" } }] },
    },
    ["/0/request/body/messages/0/content user 0 = v1", "/0/response/choices/0/message/content assistant 0 = v2"],
  ],
  [
    "a batch",
    { custom_id: "r1", method: "POST", url: "/v1/x", body: { messages: [{ role: "user", content: "v1" }] } },
    ["/0/body/messages/0/content user 0 {r1} = v1"],
  ],
  [
    "Anthropic messages",
    { model: "m", system: "rules", messages: [{ role: "user", content: [{ type: "tool_result", tool_use_id: "t", content: "v1" }] }] },
    ["/0/system system 0 = rules", "/0/messages/0/content/0/content tool 0 = v1"],
  ],
  ["a completion", { prompt: "v1", completion: "v2" }, ["/0/prompt user 0 = v1", "/0/completion assistant 0 = v2"]],
  [
    "ShareGPT",
    {
      conversations: [
        { from: "human", value: "v1" },
        { from: "gpt", value: "v2" },
      ],
    },
    [
      "/0/conversations/0/from user 0 = human",
      "/0/conversations/0/value user 0 = v1",
      "/0/conversations/1/from assistant 0 = gpt",
      "/0/conversations/1/value assistant 0 = v2",
    ],
  ],
])("prompt log: %s", (_name, line, expected) => {
  expect(leafLines("logs/requests.jsonl", jsonl(line))).toEqual(expected);
});

test("Aider: blocks by speaker, with the start of the session", () => {
  const text = "\n# aider chat started at 2026-11-24 02:00:00\n\n> added .env\n\n#### use v1 é\n\nSure.\n\nDone.\n";
  expect(leafLines(".aider.chat.history.md", text)).toEqual([
    "- tool 0 {2026-11-24 02:00:00} = # aider chat started at 2026-11-24 02:00:00\n",
    "- tool 1 {2026-11-24 02:00:00} = > added .env\n",
    "- user 2 {2026-11-24 02:00:00} = #### use v1 é\n",
    "- assistant 3 {2026-11-24 02:00:00} = \nSure.\n\nDone.\n",
  ]);
});

test("a task of Cline is one JSON file", () => {
  const text = JSON.stringify([
    { role: "user", content: [{ type: "text", text: "v1" }] },
    { role: "assistant", content: [{ type: "tool_use", name: "w", input: { k: "v2" } }] },
  ]);
  expect(leafLines("tasks/1/api_conversation_history.json", text)).toEqual([
    "/0/content/0/text user 0 = v1",
    "/1/content/0/name assistant 1 [w] = w",
    "/1/content/0/input/k assistant 1 [w] = v2",
  ]);
});

test.each([
  ["data/rows.jsonl", '{"a":1,"b":"x"}\n'],
  ["messages.json", '{"messages":[]}'],
  ["README.md", "#### hello"],
  ["src/api_conversation_history.ts", "[]"],
])("%s is no transcript", (path, text) => {
  expect(transcriptFor(path, text)).toBeUndefined();
  expect(readTranscript(path, text)).toBeUndefined();
});

test("no text makes a reader throw, and every leaf lies in the file", () => {
  const heads = [
    '{"sessionId":"s","type":"user","message":',
    '{"type":"session_meta","payload":',
    '{"messages":',
    '{"type":"response_item","payload":{"arguments":"',
    "[",
    "{",
    "#### ",
    "> ",
  ];
  const part = fc.oneof(
    fc.constantFrom(...heads),
    fc.json({ maxDepth: 4 }),
    fc.string({ unit: "binary", maxLength: 12 }),
    fc.constantFrom("\n", "}", "]", '"', "\\", "\ud800"),
  );
  const paths = ["a.jsonl", "rollout-a.jsonl", ".aider.chat.history.md", "ui_messages.json"];
  fc.assert(
    fc.property(fc.constantFrom(...paths), fc.array(part, { maxLength: 15 }), (path, parts) => {
      const text = parts.join("");
      const size = Buffer.byteLength(text);
      for (const leaf of readTranscript(path, text) ?? []) {
        expect(leaf.byteStart).toBeGreaterThanOrEqual(0);
        expect(leaf.byteEnd).toBeGreaterThanOrEqual(leaf.byteStart);
        expect(leaf.byteEnd).toBeLessThanOrEqual(size);
      }
    }),
    { numRuns: 800 },
  );
});

test.each([
  ["deep", `{"messages":${"[".repeat(100_000)}`],
  ["deep and whole", `{"messages":${"[".repeat(5000)}${"]".repeat(5000)}}`],
  ["many strings in one line", JSON.stringify({ messages: Array.from({ length: 50_000 }, () => "é") })],
  ["many lines", '{"messages":["x"]}\n'.repeat(20_000)],
  ["JSON in a string in a string", JSON.stringify({ messages: [JSON.stringify([JSON.stringify(["x"])])] })],
])(
  "%s is read within bounds",
  (_name, text) => {
    const leaves = [...(readTranscript("a.jsonl", text) ?? [])];
    expect(leaves.length).toBeLessThanOrEqual(50_000);
  },
  5000,
);

test("formats have ids of their own", () => {
  expect(new Set(formats.map(({ id }) => id)).size).toBe(formats.length);
});

test("LangSmith: inputs and outputs of runs, tools by name, messages as classes", () => {
  const message = (kind: string, content: string) => ({
    lc: 1,
    type: "constructor",
    id: ["langchain_core", "messages", kind],
    kwargs: { content },
  });
  const text = jsonl(
    { run_type: "llm", trace_id: "t", inputs: { messages: [[message("SystemMessage", "v1"), message("HumanMessage", "v2")]] } },
    { run_type: "tool", name: "search", trace_id: "t", inputs: { input: "v3" }, outputs: { output: "v4" }, error: "v5" },
    { run_type: "chain", outputs: { answer: "v6", messages: [{ role: "user", content: '{"k":"v7"}' }] } },
  );
  expect(leafLines("export/runs.jsonl", text).filter((line) => / = .*v\d/.test(line))).toEqual([
    "/0/inputs/messages/0/0/kwargs/content system 0 {t} = v1",
    "/0/inputs/messages/0/1/kwargs/content user 0 {t} = v2",
    "/1/inputs/input assistant 1 [search] {t} = v3",
    "/1/outputs/output tool 1 [search] {t} = v4",
    "/1/error ? 1 {t} = v5",
    "/2/outputs/answer assistant 2 = v6",
    String.raw`/2/outputs/messages/0/content/k user 2 = {\"k\":\"v7\"} ~ v7`,
  ]);
});

test("Langfuse: a trace with observations, in one JSON file", () => {
  const observations = [
    {
      type: "GENERATION",
      traceId: "t",
      startTime: "x",
      input: { messages: [{ role: "system", content: "v1" }], input: "v2" },
      output: "v3",
    },
    { type: "TOOL", name: "read_file", startTime: "x", input: { path: "v4" }, output: "v5", metadata: { header: "v6" } },
  ];
  const text = JSON.stringify({ id: "t", sessionId: "s", timestamp: "x", input: "v0", observations });
  expect(leafLines("langfuse-2026.json", text).filter((line) => / = .*v\d/.test(line))).toEqual([
    "/input user 0 {s} = v0",
    "/observations/0/input/messages/0/content system 0 {s} = v1",
    "/observations/0/input/input user 0 {s} = v2",
    "/observations/0/output assistant 0 {s} = v3",
    "/observations/1/input/path assistant 1 [read_file] {s} = v4",
    "/observations/1/output tool 1 [read_file] {s} = v5",
    "/observations/1/metadata/header ? 1 {s} = v6",
  ]);
});

test("OpenTelemetry: attributes of spans, JSON in their strings, old names, and OpenInference", () => {
  const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } });
  const attributes = [
    attribute("gen_ai.input.messages", JSON.stringify([{ role: "system", parts: [{ type: "text", content: 'v1 "x"' }] }])),
    attribute("gen_ai.tool.name", "shell"),
    attribute("gen_ai.tool.call.result", "v2"),
    attribute("gen_ai.prompt.0.role", "system"),
    attribute("gen_ai.prompt.0.content", "v3"),
    attribute("http.url", "v4"),
  ];
  const text = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [{ name: "chat", attributes }] }] }] });
  const at = "/resourceSpans/0/scopeSpans/0/spans/0/attributes";
  expect(leafLines("otel-export.json", text).filter((line) => line.startsWith(at) && /v\d/.test(line))).toEqual([
    String.raw`${at}/0/value/stringValue/0/parts/0/content system 0 = [{\"role\":\"system\",\"parts\":[{\"type\":\"text\",\"content\":\"v1 \\\"x\\\"\"}]}] ~ v1 "x"`,
    `${at}/2/value/stringValue tool 0 [shell] = v2`,
    `${at}/4/value/stringValue system 0 = v3`,
    `${at}/5/value/stringValue ? 0 = v4`,
  ]);
  const span = { attributes: { "openinference.span.kind": "LLM", "llm.input_messages.0.message.content": "v1", "output.value": "v2" } };
  expect(leafLines("spans.jsonl", jsonl(span))).toEqual([
    "/0/attributes/openinference.span.kind ? 0 = LLM",
    "/0/attributes/llm.input_messages.0.message.content user 0 = v1",
    "/0/attributes/output.value assistant 0 = v2",
  ]);
});

test("an exported chat of VS Code, and one of its stored sessions", () => {
  const requests = [
    { message: { text: "v1" }, response: [{ value: "v2" }, { kind: "x", toolId: "run", resultDetails: { output: "v3" } }] },
  ];
  const text = JSON.stringify({ requesterUsername: "me", requests });
  for (const path of ["chat.json", "workspaceStorage/a/chatSessions/7f.json"])
    expect(leafLines(path, text).filter((line) => /v\d/.test(line))).toEqual([
      "/requests/0/message/text user 0 = v1",
      "/requests/0/response/0/value assistant 0 = v2",
      "/requests/0/response/1/resultDetails/output tool 0 [run] = v3",
    ]);
});

test.each([
  [".local/share/amp/threads/T-1.json", JSON.stringify({ messages: [{ role: "user", content: [{ type: "text", text: "v1" }] }] }), "user"],
  [".cursor/prompt_history.json", JSON.stringify(["v1"]), "?"],
  ["requests.json", JSON.stringify([{ request: { messages: [{ role: "user", content: "v1" }] } }]), "user"],
  ["helicone.jsonl", JSON.stringify({ request_body: JSON.stringify({ messages: [{ role: "user", content: "v1" }] }) }), "user"],
])("%s is read", (path, text, role) => {
  expect(leafLines(path, text).filter((line) => line.includes("v1"))).toEqual([expect.stringContaining(` ${role} 0 = `)]);
});
