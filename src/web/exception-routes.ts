import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { z } from "zod";
import { exceptionsOf } from "../governance/exception.ts";
import { exceptionsCsv } from "../report/exceptions-csv.ts";
import { exceptionsPage } from "./exceptions.ts";
import type { Readers } from "./readers.ts";
import { sees, viewerOf } from "./viewer.ts";

/** Takes what programs ask for; people agree on GitHub or on an incident's page, programs never do. */
export type AskException = (
  asked: { readonly target: string; readonly by: string; readonly reason: string; readonly until: string },
  visible: (incident: { readonly repositories: readonly string[] }) => boolean,
) => Promise<{ readonly results: readonly { incident: string; ok: boolean; text: string }[] } | { readonly refused: string }>;

const Asking = z.strictObject({
  target: z.string().min(1).max(1000),
  reason: z.string().trim().min(1).max(500),
  until: z.iso.date(),
});

/** Accepted risks and dismissals as page, JSON and CSV, each for who may see its incident; and `POST /api/v1/exceptions` for programs. */
export function exceptionRoutes({ readers, now, ask }: { readers: Readers; now: () => string; ask?: AskException }): Hono {
  const app = new Hono();
  const rows = async (context: Context) =>
    exceptionsOf(
      (await readers.incidents()).filter((one) => sees(viewerOf(context), one)),
      now(),
    );

  app.get("/exceptions", async (context) => context.html(exceptionsPage(await rows(context), now())));
  app.get("/exceptions.csv", async (context) =>
    context.body(exceptionsCsv(await rows(context)), 200, {
      "content-type": "text/csv; charset=utf-8",
      "content-disposition": 'attachment; filename="rekey-exceptions.csv"',
    }),
  );
  app.get("/api/v1/exceptions", async (context) => context.json({ version: 1, exceptions: await rows(context) }));
  if (ask === undefined) return app;
  const small = bodyLimit({ maxSize: 8192, onError: (context) => context.json({ error: "a request has at most 8192 bytes" }, 413) });
  app.post("/api/v1/exceptions", small, async (context) => {
    // a browser sends cookies by itself, but never this header: no page of another site asks in somebody's name
    if (context.req.header("authorization") === undefined)
      return context.json({ error: "programs ask here, with a token of the scope exceptions:ask; people ask on the incident's page" }, 401);
    const body = Asking.safeParse(await context.req.json().catch(() => undefined));
    if (!body.success) return context.json({ error: z.prettifyError(body.error) }, 400);
    const viewer = viewerOf(context);
    const answer = await ask({ ...body.data, by: viewer.name }, (incident) => sees(viewer, incident));
    return "refused" in answer ? context.json({ error: answer.refused }, 409) : context.json({ version: 1, ...answer });
  });
  return app;
}
