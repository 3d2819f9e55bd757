import { type Context, Hono } from "hono";
import type { RuntimeEvent, RuntimeHints } from "../../incident/runtime.ts";
import type { RuntimeGate, RuntimeSighting } from "./gate.ts";
import { attributesOf, findingsOf, hintsOf, type Item, modelOf, type Signal, signals } from "./otlp-conventions.ts";
import { contentTypes, type Protocol, readRequest, writeFailure, writeResponse } from "./otlp-protocol.ts";
import { type Door, type Refuse, small, unpacked } from "./request.ts";

/** Items (spans, log records) of a call that are looked at; more are told to be rejected. */
const mostItems = 20_000;

/**
 * OTLP/HTTP (opentelemetry.io/docs/specs/otlp, 1.11) in JSON and protobuf, also packed with gzip. The answer is in the type of the request and
 * says what was rejected. Every text is scanned in memory and dropped; what a guardrail found becomes a runtime event.
 */
export function otlpRoutes(gate: RuntimeGate, door: Door): Hono {
  const app = new Hono();
  for (const signal of Object.values(signals)) {
    app.post(signal.path, small(refuseAs("application/json")), (context) => {
      const protocol = contentTypes.find((type) => (context.req.header("content-type") ?? "").toLowerCase().startsWith(type));
      const refuse = refuseAs(protocol ?? "application/json");
      return door.open(context, refuse, async (source, raw) => {
        if (protocol === undefined) return refuse(context, 415, `expected ${contentTypes.join(" or ")}`);
        const request = await readRequest(protocol, signal, await unpacked(context, raw));
        if (request === undefined) return refuse(context, 400, "the body is no export request of this signal, or too large unpacked");
        const items = itemsOf(signal, request);
        const looked = items.slice(0, mostItems);
        await look(gate, source.name, signal, looked);
        const rejected = items.length - looked.length;
        return send(context, protocol, 200, await writeResponse(protocol, signal, rejected, `at most ${mostItems} a call`));
      });
    });
  }
  return app;
}

/** What one agent of one service did: its texts are scanned together, so that what is found is its own. */
interface Group {
  readonly hints: RuntimeHints;
  readonly items: Item[];
  model?: string;
}

async function look(gate: RuntimeGate, source: string, signal: Signal, items: readonly Item[]): Promise<void> {
  const groups = new Map<string, Group>();
  const events: RuntimeEvent[] = [];
  for (const item of items) {
    const hints = hintsOf(item);
    const key = JSON.stringify(hints);
    const group = groups.get(key) ?? { hints, items: [] };
    group.items.push(item);
    const model = modelOf(item);
    if (model !== undefined) group.model = model;
    groups.set(key, group);
    events.push(...findingsOf(item, hints, source));
  }
  for (const { hints, items: own } of groups.values()) {
    const resources = new Set(own.map(({ resource }) => resource));
    const text = JSON.stringify([...resources, ...own.map(({ body }) => body)]);
    await gate.scan({ source, path: `${signal.name}.json`, text, hints });
  }
  if (events.length > 0) await gate.take(events);
  const sightings = [...groups.values()].map(
    ({ hints, model }): RuntimeSighting => ({ source, hints, ...(model === undefined ? {} : { model }) }),
  );
  await gate.see(sightings);
}

/** Spans or log records with the attributes of their resource. What is not of this form is passed over: nothing of it is kept anyway. */
function itemsOf(signal: Signal, request: Readonly<Record<string, unknown>>): Item[] {
  const items: Item[] = [];
  for (const group of listOf(request, signal.groups)) {
    const resource = (group as { resource?: unknown }).resource;
    const shared = attributesOf(resource);
    for (const scope of listOf(group, signal.scopes))
      for (const body of listOf(scope, signal.items)) items.push({ resource, shared, body, own: attributesOf(body) });
  }
  return items;
}

function listOf(of: unknown, field: string): readonly object[] {
  const list = typeof of === "object" && of !== null ? (of as Readonly<Record<string, unknown>>)[field] : undefined;
  return Array.isArray(list) ? list.filter((one) => typeof one === "object" && one !== null) : [];
}

function refuseAs(protocol: Protocol): Refuse {
  return async (context, status, sentence) => send(context, protocol, status, await writeFailure(protocol, status, sentence));
}

function send(context: Context, protocol: Protocol, status: 200 | 400 | 401 | 413 | 415 | 422 | 429 | 503, body: Uint8Array): Response {
  return context.body(new Uint8Array(body), status, { "content-type": protocol });
}
