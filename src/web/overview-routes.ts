import { type Context, Hono } from "hono";
import { controlCells, controlGaps } from "../governance/controls.ts";
import { evidenceReport, factsOf } from "../governance/evidence.ts";
import { exceptionsOf } from "../governance/exception.ts";
import { frameworkIds } from "../governance/frameworks.ts";
import { type GovernanceInput, governanceTiles, type Tile, tileIds } from "../governance/overview.ts";
import type { Estate } from "./estate.ts";
import { evidencePage } from "./evidence.ts";
import type { GovernanceReaders } from "./governance-readers.ts";
import { governancePage, tilePage } from "./overview.ts";
import type { Readers } from "./readers.ts";
import { sees, viewerOf } from "./viewer.ts";

export interface OverviewOptions {
  readonly readers: Readers;
  readonly governance: GovernanceReaders;
  readonly estate: Estate;
  readonly now: () => string;
}

/** The governance row: each number with its list, cut to what the viewer may see. */
export function overviewRoutes(options: OverviewOptions): Hono {
  const { estate, now } = options;
  const app = new Hono();
  app.get("/governance", async (context) => context.html(governancePage(await governanceOf(options, context), estate.controls, now())));
  app.get("/governance/:tile", async (context) => {
    const id = tileIds.find((one) => one === context.req.param("tile"));
    return id === undefined ? context.notFound() : context.html(tilePage(id, await governanceOf(options, context), estate.controls, now()));
  });
  app.get("/api/v1/governance", async (context) =>
    context.json({ version: 1, at: now(), tiles: governanceTiles(await governanceOf(options, context)) }),
  );
  const evidence = async (context: Context) => {
    const id = frameworkIds.find((one) => one === context.req.param("framework"));
    if (id === undefined) return undefined;
    const [input, logged] = await Promise.all([governanceOf(options, context), estate.events()]);
    return evidenceReport(id, factsOf(input, { logged, cells: controlCells(estate.controls).length }), now());
  };
  app.get("/evidence/:framework", async (context) => {
    const report = await evidence(context);
    return report === undefined ? context.notFound() : context.html(evidencePage(report));
  });
  app.get("/api/v1/evidence/:framework", async (context) => {
    const report = await evidence(context);
    return report === undefined ? context.json({ error: `expected one of ${frameworkIds.join(", ")}` }, 404) : context.json(report);
  });
  app.get("/api/v1/coverage", async (context) => context.json(await estate.coverage((one) => seesIdentity(context, one))));
  app.get("/api/v1/controls", (context) =>
    context.json({ version: 1, controls: controlCells(estate.controls), gaps: controlGaps(estate.controls) }),
  );
  return app;
}

/** The row alone, for the first page. */
export async function tilesOf(options: OverviewOptions, context: Context): Promise<Tile[]> {
  return governanceTiles(await governanceOf(options, context));
}

async function governanceOf({ readers, governance, estate, now }: OverviewOptions, context: Context): Promise<GovernanceInput> {
  const viewer = viewerOf(context);
  const at = now();
  const [all, known, campaigns, items, coverage] = await Promise.all([
    readers.incidents(),
    estate.identities(),
    governance.campaigns(),
    governance.items(),
    estate.coverage((one) => seesIdentity(context, one)),
  ]);
  const incidents = all.filter((one) => sees(viewer, one));
  const teams = await estate.people(incidents.flatMap(({ owner }) => owner ?? []));
  return {
    identities: known.filter((one) => seesIdentity(context, one)),
    campaigns,
    items: items.filter(({ snapshot }) => sees(viewer, { repositories: snapshot.repository === undefined ? [] : [snapshot.repository] })),
    exceptions: exceptionsOf(incidents, at),
    incidents,
    gaps: controlGaps(estate.controls),
    controls: estate.controls !== undefined,
    uncovered: coverage.uncovered,
    peopleOf: (owner) => teams.get(owner) ?? [],
    now: at,
  };
}

function seesIdentity(context: Context, { repository }: { readonly repository?: string }): boolean {
  return sees(viewerOf(context), { repositories: repository === undefined ? [] : [repository] });
}
