import { type Context, Hono } from "hono";
import { z } from "zod";
import { applyMapping, hashOnly, type Mapped, oneLine } from "../../incident/mapping.ts";
import { type RuntimeEvent, runtimeActions, runtimeKinds } from "../../incident/runtime.ts";
import type { RuntimeGate, RuntimeSource } from "./gate.ts";
import { type Door, parsedJson, refuseAsJson, small, unpacked } from "./request.ts";

const short = z.string().max(1000).optional();

/** Our own form, for who needs no mapping file. */
export const RuntimeEvents = z.strictObject({
  events: z
    .array(
      z.strictObject({
        kind: z.enum(runtimeKinds),
        severity: z.enum(["critical", "high", "medium", "low", "info"]),
        title: short,
        id: short,
        at: z.iso.datetime({ offset: true }).optional(),
        action: z.enum(runtimeActions).optional(),
        rule: short,
        tool: short,
        model: short,
        link: z
          .string()
          .max(500)
          .regex(/^https:\/\/[^\s"'<>@]+$/)
          .optional(),
        identity: z.strictObject({ agent: short, agent_id: short, service: short, key_alias: short, key_hash: short }).default({}),
      }),
    )
    .min(1)
    .max(100),
});

/**
 * `POST /v1/events`: our own form. `POST /v1/events/<source>`: a vendor's webhook, made ours by the mapping of the source; signed after
 * Standard Webhooks or with the source's token. The body is also scanned for credentials in memory, and dropped.
 */
export function eventRoutes(gate: RuntimeGate, door: Door): Hono {
  const app = new Hono();
  app.post("/v1/events", small(refuseAsJson), (context) =>
    door.open(context, refuseAsJson, async (source, raw) => {
      const body = RuntimeEvents.safeParse(parsedJson(await unpacked(context, raw)));
      if (!body.success) return refuseAsJson(context, 400, `the body does not fit: ${z.prettifyError(body.error).slice(0, 500)}`);
      return taken(gate, context, source, { events: body.data.events.map((one) => own(one, source.name)), ignored: 0, problems: [] });
    }),
  );
  app.post("/v1/events/:source", small(refuseAsJson), (context) =>
    door.open(
      context,
      refuseAsJson,
      async (source, raw) => {
        if (source.mapping === undefined)
          return refuseAsJson(context, 422, "this source has no mapping in rekey.yml; events in our own form go to /v1/events");
        const bytes = await unpacked(context, raw);
        const body = parsedJson(bytes);
        if (bytes === undefined || body === undefined) return refuseAsJson(context, 400, "expected JSON, at most 16 MiB unpacked");
        const mapped = applyMapping(source.mapping, body, source.name);
        const [first] = mapped.events;
        const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
        await gate.scan({ source: source.name, path: "event.json", text, hints: first?.hints ?? {} });
        return taken(gate, context, source, mapped);
      },
      { signedAs: context.req.param("source") },
    ),
  );
  return app;
}

/** 422 only where nothing at all could be taken: whoever sends it again would get the same answer. */
async function taken(gate: RuntimeGate, context: Context, source: RuntimeSource, { events, ignored, problems }: Mapped): Promise<Response> {
  const result = await gate.take(events);
  await gate.see(events.map(({ hints, model }) => ({ source: source.name, hints, ...(model === undefined ? {} : { model }) })));
  return context.json({ ...result, ignored, problems }, events.length === 0 && problems.length > 0 ? 422 : 200);
}

function own(given: z.output<typeof RuntimeEvents>["events"][number], source: string): RuntimeEvent {
  const { kind, severity, action, link, identity } = given;
  const line = (text: string | undefined) => (text === undefined ? undefined : oneLine(text));
  const at = given.at === undefined ? undefined : new Date(given.at).toISOString();
  const facts = { title: line(given.title), at, externalId: line(given.id), action, rule: line(given.rule), tool: line(given.tool) };
  const hints = {
    agent: line(identity.agent),
    agentId: line(identity.agent_id),
    service: line(identity.service),
    keyAlias: line(identity.key_alias),
    keyHash: hashOnly(identity.key_hash),
  };
  return { source, kind, severity, ...present({ ...facts, model: line(given.model), link }), hints: present(hints) };
}

function present(of: Readonly<Record<string, string | undefined>>): object {
  return Object.fromEntries(Object.entries(of).filter(([, value]) => value !== undefined));
}
