import { type Context, Hono } from "hono";
import { z } from "zod";
import { hashOnly, oneLine } from "../../incident/mapping.ts";
import type { RuntimeHints } from "../../incident/runtime.ts";
import type { RuntimeFinding, RuntimeGate } from "./gate.ts";
import { type Door, parsedJson, refuseAsJson, small, unpacked } from "./request.ts";

const Body = z.looseObject({
  texts: z.array(z.string()).max(500).default([]),
  input_type: z.enum(["request", "response"]).default("request"),
  model: z.string().nullish(),
  request_data: z.looseObject({ user_api_key_alias: z.string().nullish(), user_api_key_hash: z.string().nullish() }).nullish(),
});

/**
 * LiteLLM's generic guardrail call (docs.litellm.ai, "Generic Guardrail API", read 2026-11): it asks whether a text may go on. A request with
 * a credential is stopped, in an answer the credential is masked. The text is scanned in memory and dropped.
 */
export function guardrailRoutes(gate: RuntimeGate, door: Door): Hono {
  const app = new Hono();
  app.post("/beta/litellm_basic_guardrail_api", small(refuseAsJson), (context) =>
    door.open(context, refuseAsJson, async (source, raw) => {
      const body = Body.safeParse(parsedJson(await unpacked(context, raw)));
      if (!body.success)
        return refuseAsJson(context, 400, "the body is not of the form of LiteLLM's generic guardrail API, or too large unpacked");
      return judge(gate, context, source.name, body.data);
    }),
  );
  return app;
}

async function judge(
  gate: RuntimeGate,
  context: Context,
  source: string,
  { texts, input_type, request_data, model }: z.output<typeof Body>,
): Promise<Response> {
  const keyAlias = oneLine(request_data?.user_api_key_alias ?? "");
  const keyHash = hashOnly(request_data?.user_api_key_hash ?? undefined);
  const hints: RuntimeHints = { ...(keyAlias === undefined ? {} : { keyAlias }), ...(keyHash === undefined ? {} : { keyHash }) };
  const named = oneLine(model ?? "");
  await gate.see([{ source, hints, ...(named === undefined ? {} : { model: named }) }]);
  const found = [];
  for (const text of texts) found.push(await gate.scan({ source, path: `${input_type}.txt`, text, hints }));
  const sure = found.map((findings) => findings.filter(({ confidence }) => confidence === "high"));
  const [first] = sure.flat();
  if (first === undefined) return context.json({ action: "NONE" });
  if (input_type === "response")
    return context.json({ action: "GUARDRAIL_INTERVENED", texts: texts.map((text, index) => masked(text, sure[index] ?? [])) });
  return context.json({
    action: "BLOCKED",
    blocked_reason: `Rekey: the text holds a credential (${first.title}${first.incident === undefined ? "" : `, ${first.incident}`}). Take it out, and revoke it.`,
  });
}

function masked(text: string, findings: readonly RuntimeFinding[]): string {
  let bytes = Buffer.from(text);
  for (const { byteStart, byteEnd } of findings.toSorted((a, b) => b.byteStart - a.byteStart))
    bytes = Buffer.concat([bytes.subarray(0, byteStart), Buffer.from("[credential removed]"), bytes.subarray(byteEnd)]);
  return bytes.toString("utf8");
}
