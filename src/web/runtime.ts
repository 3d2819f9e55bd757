import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { z } from "zod";
import { describeError, type Log } from "../log.ts";

/** What was found in a text: never the value. Offsets are of its UTF-8 bytes. */
export interface RuntimeFinding {
  readonly title: string;
  readonly confidence: "high" | "medium" | "low";
  readonly byteStart: number;
  readonly byteEnd: number;
  /** Absent where nothing is opened for it: too uncertain. */
  readonly incident?: string;
}

/** A text as a gateway, a trace or a hook reported it. */
export interface RuntimeText {
  /** Who reported it: a source of the configuration. */
  readonly source: string;
  /** Ends in `.json` where the text is JSON. */
  readonly path: string;
  readonly text: string;
  /** What the source says of the agent; anybody with the source's token can say it. */
  readonly agent?: string;
}

export interface RuntimeGate {
  /** The name of the source whose token this is. */
  readonly verify: (token: string) => string | undefined;
  /** Scans in memory and keeps only what was found. May open an incident, never starts a rotation. */
  readonly scan: (text: RuntimeText) => Promise<readonly RuntimeFinding[]>;
}

const limits = { body: 4 << 20, unpacked: 16 << 20, texts: 500 } as const;
const unzip = promisify(gunzip);

const Attributes = z.array(z.object({ key: z.string(), value: z.object({ stringValue: z.string().optional() }).optional() })).default([]);
const Scoped = z.looseObject({
  resource: z.object({ attributes: Attributes }).optional(),
  scopeSpans: z.array(z.looseObject({ spans: z.array(z.looseObject({ attributes: Attributes })).default([]) })).default([]),
  scopeLogs: z.array(z.looseObject({ logRecords: z.array(z.looseObject({ attributes: Attributes })).default([]) })).default([]),
});
const Traces = z.object({ resourceSpans: z.array(Scoped).max(limits.texts) });
const Logs = z.object({ resourceLogs: z.array(Scoped).max(limits.texts) });
const Guardrail = z.looseObject({
  texts: z.array(z.string()).max(limits.texts).default([]),
  input_type: z.enum(["request", "response"]).default("request"),
  request_data: z.looseObject({ user_api_key_alias: z.string().nullish() }).nullish(),
});

/**
 * What agents do, as it happens: OTLP/HTTP in JSON (`/v1/traces`, `/v1/logs`) and LiteLLM's generic guardrail call, which answers whether the
 * text may go on. The text is scanned in memory and dropped. Without the token of a source nothing is read.
 */
export function runtimeRoutes(gate: RuntimeGate, log: Log): Hono {
  const app = new Hono();
  const small = bodyLimit({
    maxSize: limits.body,
    onError: (context) => context.json({ error: `expected at most ${limits.body} bytes` }, 413),
  });
  const route =
    <S extends z.ZodType>(schema: S, answer: (context: Context, source: string, body: z.output<S>) => Promise<Response>) =>
    async (context: Context): Promise<Response> => {
      const token = /^Bearer (\S+)$/.exec(context.req.header("authorization") ?? "")?.[1];
      const source = token === undefined ? undefined : gate.verify(token);
      if (source === undefined) return context.json({ error: "this is not the token of a source" }, 401, { "www-authenticate": "Bearer" });
      if (!(context.req.header("content-type") ?? "").startsWith("application/json"))
        return context.json({ error: "expected application/json: set OTEL_EXPORTER_OTLP_PROTOCOL=http/json" }, 415);
      const body = schema.safeParse(await bodyOf(context));
      if (!body.success) return context.json({ error: "the body is not of the form that this address takes, or too large unpacked" }, 400);
      try {
        return await answer(context, source, body.data);
      } catch (error) {
        log.error({ error: describeError(error), source }, "what an agent did could not be looked at");
        return context.json({ error: "it could not be looked at; send it again" }, 503);
      }
    };
  const telemetry = (path: string) => async (context: Context, source: string, chunks: readonly z.output<typeof Scoped>[]) => {
    for (const chunk of chunks) {
      const agent = agentOf(chunk);
      await gate.scan({ source, path, text: JSON.stringify(chunk), ...(agent === undefined ? {} : { agent }) });
    }
    return context.json({});
  };
  app.post(
    "/v1/traces",
    small,
    route(Traces, (context, source, { resourceSpans }) => telemetry("traces.json")(context, source, resourceSpans)),
  );
  app.post(
    "/v1/logs",
    small,
    route(Logs, (context, source, { resourceLogs }) => telemetry("logs.json")(context, source, resourceLogs)),
  );
  app.post(
    "/beta/litellm_basic_guardrail_api",
    small,
    route(Guardrail, async (context, source, { texts, input_type, request_data }) => {
      const agent = request_data?.user_api_key_alias ?? undefined;
      const found = await Promise.all(
        texts.map((text) => gate.scan({ source, path: `${input_type}.txt`, text, ...(agent === undefined ? {} : { agent }) })),
      );
      const sure = found.map((findings) => findings.filter(({ confidence }) => confidence === "high"));
      const [first] = sure.flat();
      if (first === undefined) return context.json({ action: "NONE" });
      if (input_type === "response")
        return context.json({ action: "GUARDRAIL_INTERVENED", texts: texts.map((text, index) => masked(text, sure[index] ?? [])) });
      return context.json({
        action: "BLOCKED",
        blocked_reason: `Rekey: the text holds a credential (${first.title}${first.incident === undefined ? "" : `, ${first.incident}`}). Take it out, and revoke it.`,
      });
    }),
  );
  return app;
}

/** Undefined where it is no JSON, or larger unpacked than it may be. */
async function bodyOf(context: Context): Promise<unknown> {
  try {
    const bytes = Buffer.from(await context.req.arrayBuffer());
    const packed = context.req.header("content-encoding") === "gzip";
    return JSON.parse((packed ? await unzip(bytes, { maxOutputLength: limits.unpacked }) : bytes).toString("utf8"));
  } catch {
    return undefined;
  }
}

/** `gen_ai.agent.name` of the spans or records, else the service's name (OpenTelemetry semantic conventions). */
function agentOf({ resource, scopeSpans, scopeLogs }: z.output<typeof Scoped>): string | undefined {
  const inner = [...scopeSpans.flatMap(({ spans }) => spans), ...scopeLogs.flatMap(({ logRecords }) => logRecords)];
  const named = (attributes: z.output<typeof Attributes>, key: string) => attributes.find((one) => one.key === key)?.value?.stringValue;
  for (const { attributes } of inner) {
    const agent = named(attributes, "gen_ai.agent.name");
    if (agent !== undefined) return agent;
  }
  return named(resource?.attributes ?? [], "service.name");
}

function masked(text: string, findings: readonly RuntimeFinding[]): string {
  let bytes = Buffer.from(text);
  for (const { byteStart, byteEnd } of findings.toSorted((a, b) => b.byteStart - a.byteStart))
    bytes = Buffer.concat([bytes.subarray(0, byteStart), Buffer.from("[credential removed]"), bytes.subarray(byteEnd)]);
  return bytes.toString("utf8");
}
