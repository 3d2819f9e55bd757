import { z } from "zod";
import { phases } from "../governance/controls.ts";
import { eventKinds } from "../governance/coverage.ts";
import { frameworkIds } from "../governance/frameworks.ts";
import { tileIds } from "../governance/overview.ts";
import { resolutions } from "../incident/fold.ts";
import { incidentKinds, runtimeActions } from "../incident/runtime.ts";
import { Filter } from "./filter.ts";

const moment = z.iso.datetime().describe("ISO 8601 UTC");
const duration = z.number().nonnegative().describe("milliseconds");
const severity = z.enum(["critical", "high", "medium", "low", "info"]);

/** The shapes of the answers. Tests hold the real answers against them; a further field is not a break. */
export const Incident = z.object({
  id: z.string().describe("RK- and four to eight letters and digits"),
  kind: z
    .enum(incidentKinds)
    .describe("a leaked credential, or a runtime event on an AI identity, whose `credential` then names the event"),
  credential: z.object({
    fingerprint: z.string().describe("keyed HMAC-SHA-256 of the value, never the value"),
    subject: z.string().optional(),
    detector: z.string(),
    title: z.string(),
  }),
  severity,
  state: z.enum(["open", "resolved"]),
  resolution: z.enum(resolutions).optional(),
  validity: z.enum(["active", "inactive", "unknown"]).describe("the last clear answer of a probe"),
  preExisting: z.boolean().describe("found in history when Rekey came: its own cohort"),
  repository: z.string().optional(),
  repositories: z.array(z.string()).optional(),
  owner: z.string().optional(),
  environment: z.string().optional().describe("absent counts as production"),
  identities: z
    .array(z.object({ id: z.string(), kind: z.string(), name: z.string(), owner: z.string().optional(), grade: z.string() }))
    .describe("strongest first"),
  report: z
    .object({
      source: z.string(),
      count: z.number().int(),
      lastAt: moment,
      action: z.enum(runtimeActions).optional(),
      externalId: z.string().optional(),
      rule: z.string().optional(),
      tool: z.string().optional(),
      model: z.string().optional(),
      link: z.string().optional(),
    })
    .optional()
    .describe("of a runtime event: what its source reported"),
  clock: z
    .object({
      exposed: moment,
      detected: moment,
      acknowledged: moment.optional(),
      contained: moment.optional(),
      replaced: moment.optional(),
      revoked: moment.optional(),
      dead: moment.optional(),
      closed: moment.optional(),
    })
    .describe("time to remediate = dead − detected, exposure window = dead − exposed"),
});

export const IncidentList = z.object({
  version: z.literal(1),
  total: z.number().int().describe("on all pages"),
  incidents: z.array(Incident),
  heldBack: z
    .array(z.object({ source: z.string(), events: z.number().int(), lastAt: moment }))
    .optional()
    .describe("events of runtime sources in the last week that opened no incident, since too many of theirs are open"),
  next: z.string().optional().describe("give it as `after` for the next page; absent on the last"),
});

const chainLink = z.object({
  incident: z.string(),
  kind: z.enum(incidentKinds),
  title: z.string(),
  severity,
  state: z.enum(["open", "resolved"]),
  at: moment,
  why: z.string(),
  identity: z.object({ id: z.string(), kind: z.string(), name: z.string() }).optional(),
  grade: z.string(),
});

export const IncidentDetail = z.object({
  version: z.literal(1),
  incident: Incident,
  chain: z
    .object({
      merged: z.array(chainLink).describe("confirmed: one matter with one owner and one severity"),
      possible: z.array(chainLink).describe("not confirmed: the same name at about the same time"),
      owner: z.string().optional(),
      severity,
    })
    .describe("a leaked key and runtime events of one identity, near in time"),
  timeline: z.array(z.object({ stream: z.string(), seq: z.number().int(), at: moment, event: z.looseObject({ type: z.string() }) })),
  receipts: z.array(
    z.object({
      round: z.number().int(),
      subject: z.enum(["old", "control"]),
      answer: z.string(),
      code: z.string(),
      control: z.string(),
      via: z.string(),
      at: moment,
    }),
  ),
  effects: z.array(z.object({ key: z.string(), state: z.string(), destroy: z.boolean(), at: moment })),
});

export const Metrics = z.looseObject({
  version: z.literal(1),
  at: moment,
  incidents: z.number().int(),
  open: z.object({ total: z.number().int(), live: z.number().int(), overdue: z.number().int() }),
  provenDead: z.number().int(),
  revokedByStatement: z.number().int(),
  accepted: z.number().int(),
  timeToRemediate: z.looseObject({ n: z.number().int(), dead: z.number().int(), median: duration.nullable() }),
  exposureWindow: z.looseObject({ n: z.number().int(), dead: z.number().int(), median: duration.nullable() }),
  weeks: z.array(
    z.looseObject({ monday: z.iso.date(), detected: z.number().int(), median: duration.optional(), p90: duration.optional() }),
  ),
});

export const Groups = z.object({
  version: z.literal(1),
  groups: z.array(
    z.object({
      key: z.string().optional(),
      name: z.string(),
      incidents: z.number().int(),
      open: z.number().int(),
      live: z.number().int(),
      overdue: z.number().int(),
      provenDead: z.number().int(),
      median: duration.optional(),
      again: z.number().int(),
      dismissed: z.number().min(0).max(1),
    }),
  ),
});

const stage = z.enum(["observe", "check", "comment", "block", "rotate"]);

export const Rollout = z.object({
  version: z.literal(1),
  hold: z.object({ by: z.string(), reason: z.string(), at: moment }).optional().describe("everything is held at observe"),
  repositories: z.array(
    z.object({
      fullName: z.string(),
      policy: z.object({
        stage,
        because: z.string(),
        waiting: stage.optional().describe("what the rules give and nobody has confirmed"),
        disclosure: z.enum(["full", "minimal", "private"]),
        onUnavailable: z.enum(["neutral", "block"]),
        automatic: z.boolean(),
      }),
      error: z.string().optional().describe("what is wrong with its .github/rekey.yml; the last good one counts"),
    }),
  ),
});

export const Exceptions = z.object({
  version: z.literal(1),
  exceptions: z.array(
    z.object({
      incident: z.string(),
      title: z.string(),
      fingerprint: z.string(),
      identity: z.object({ id: z.string(), kind: z.string(), name: z.string() }).optional(),
      owner: z.string().optional(),
      repositories: z.array(z.string()),
      kind: z.enum(["accepted-risk", "false-positive", "used-in-tests"]),
      state: z.enum(["asked", "active", "expiring", "expired", "ended"]).describe("expiring = ends within 14 days"),
      reason: z.string(),
      askedBy: z.string(),
      askedAt: moment,
      approvedBy: z.array(z.string()),
      until: moment.optional(),
      endedAt: moment.optional(),
      why: z.string().optional().describe("why it ended before its date"),
      open: z.boolean(),
    }),
  ),
});

const campaign = {
  id: z.string().describe("RV- and letters and digits"),
  name: z.string(),
  createdBy: z.string(),
  createdAt: moment,
  dueAt: moment,
  issue: z.object({ repository: z.string(), number: z.number().int() }).optional(),
};

export const Reviews = z.object({
  version: z.literal(1),
  campaigns: z.array(z.object({ ...campaign, items: z.number().int(), done: z.number().int() })),
});

export const ReviewDetail = z.object({
  version: z.literal(1),
  campaign: z.object(campaign),
  items: z.array(
    z.looseObject({
      id: z.string(),
      hash: z.string().describe("of the frozen snapshot: what a decision is about"),
      state: z.enum(["open", "second-needed", "kept", "denied", "verified"]),
      snapshot: z.looseObject({ identity: z.object({ id: z.string(), kind: z.string(), name: z.string(), owner: z.string().optional() }) }),
      decisions: z.array(z.object({ verdict: z.enum(["keep", "deny"]), by: z.string(), reason: z.string(), via: z.string(), at: moment })),
    }),
  ),
});

export const Governance = z.object({
  version: z.literal(1),
  at: moment,
  tiles: z.array(
    z.object({
      id: z.enum(tileIds),
      title: z.string(),
      value: z.string(),
      note: z.string(),
      calls: z.boolean().describe("somebody has something to do"),
    }),
  ),
});

export const Evidence = z.object({
  version: z.literal(1),
  at: moment,
  framework: z.object({ id: z.enum(frameworkIds), name: z.string(), version: z.string(), url: z.url(), partial: z.boolean() }),
  entries: z.array(
    z.object({
      id: z.string(),
      title: z.string(),
      evidence: z.array(
        z.object({
          id: z.string(),
          relation: z.enum(["detects", "mitigates", "evidence-for"]),
          sentence: z.string(),
          done: z.number().int(),
          of: z.number().int(),
          list: z.string().describe("the page with the list"),
        }),
      ),
    }),
  ),
  with: z.number().int().describe("entries about which something is known"),
});

export const Settings = z.object({
  version: z.literal(1),
  parts: z.array(
    z.object({
      title: z.string(),
      checks: z.array(
        z.object({ what: z.string(), state: z.enum(["ok", "warning", "failed"]), says: z.string(), hint: z.string().optional() }),
      ),
    }),
  ),
});

const kinds = z.array(z.enum(eventKinds));

export const CoverageAnswer = z.object({
  version: z.literal(1),
  identities: z.number().int(),
  sources: z.array(
    z.object({
      name: z.string(),
      type: z.enum(["github-app", "secret-manager", "provider", "runtime", "consumer"]),
      kinds,
      identities: z.number().int(),
      needs: z.string().optional().describe("what is missing before it tells anything"),
    }),
  ),
  uncovered: z.array(
    z.object({
      id: z.string(),
      kind: z.string(),
      name: z.string(),
      owner: z.string().optional(),
      repository: z.string().optional(),
      lacks: z.array(z.enum(phases)),
      by: z.array(z.string()).describe("the sources that cover it"),
    }),
  ),
  silent: kinds.describe("kinds of events that no source reports of anybody"),
});

const cell = { control: z.string(), phase: z.enum(phases) };

export const Controls = z.object({
  version: z.literal(1),
  controls: z.array(z.object({ ...cell, owner: z.string().optional(), backup: z.string().optional(), none: z.string().optional() })),
  gaps: z.array(z.object({ ...cell, gap: z.enum(["no-owner", "no-backup"]), sentence: z.string() })),
});

export const Backfill = z.object({
  version: z.literal(1),
  paused: z.object({ by: z.string(), at: moment }).optional(),
  repositories: z
    .array(
      z.object({
        repository: z.string(),
        private: z.boolean(),
        state: z.enum(["asked", "waiting", "running", "done", "failed"]).describe("asked = waits for rekey backfill start"),
        kilobytes: z.number().nonnegative(),
        seconds: z.number().optional(),
        found: z.number().int().optional().describe("places with a credential in its history"),
        problem: z.string().optional(),
        notBefore: moment.optional(),
      }),
    )
    .describe("in the order in which they are looked through"),
});

const schemaOf = (schema: z.ZodType) => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: "output", unrepresentable: "any" });
  return rest;
};

const answer = (schema: z.ZodType, description: string) => ({
  "200": { description, content: { "application/json": { schema: schemaOf(schema) } } },
  "401": { description: "no token, or one that is not known" },
});

const filters = Object.entries(z.toJSONSchema(Filter, { io: "input", unrepresentable: "any" }).properties ?? {}).map(([name, schema]) => ({
  name,
  in: "query",
  required: false,
  schema,
}));

/** OpenAPI 3.1 of what this server answers. */
export const openApi = {
  openapi: "3.1.0",
  info: {
    title: "Rekey",
    version: "1",
    description:
      "Incidents of leaked credentials and how long it took until each was proven dead. No answer ever holds a credential's value.",
  },
  components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
  security: [{ token: [] }],
  paths: {
    "/api/v1/incidents": {
      get: {
        summary: "Incidents that you may see, filtered and page by page",
        parameters: filters,
        responses: answer(IncidentList, "one page"),
      },
    },
    "/api/v1/incidents/{id}": {
      get: {
        summary: "One incident with its timeline, receipts and the journal of its rotation",
        parameters: [{ name: "id", in: "path", required: true, schema: { type: "string" } }],
        responses: { ...answer(IncidentDetail, "the incident"), "404": { description: "there is none, or you may not see it" } },
      },
    },
    "/api/v1/metrics": {
      get: { summary: "Time to remediate and what is open", responses: answer(Metrics, "the numbers of the first page") },
    },
    "/api/v1/rollout": {
      get: { summary: "How far Rekey goes in each repository, and why", responses: answer(Rollout, "the stages") },
    },
    "/api/v1/exceptions": {
      get: { summary: "Accepted risks and dismissals, what waits first", responses: answer(Exceptions, "the exceptions") },
      post: {
        summary: "Asks to accept a risk (scope exceptions:ask); people agree to it on GitHub or on the dashboard",
        requestBody: {
          required: true,
          content: {
            "application/json": {
              schema: {
                type: "object",
                required: ["target", "reason", "until"],
                additionalProperties: false,
                properties: {
                  target: { type: "string", description: "an incident, a fingerprint or an identity's id" },
                  reason: { type: "string" },
                  until: { type: "string", format: "date" },
                },
              },
            },
          },
        },
        responses: {
          "200": { description: "what became of each incident" },
          "409": { description: "nothing open is named so, or the policy does not allow it" },
        },
      },
    },
    "/api/v1/reviews": {
      get: { summary: "Access reviews, newest first", responses: answer(Reviews, "the campaigns") },
    },
    "/api/v1/reviews/{id}": {
      get: {
        summary: "One access review with its items",
        parameters: [{ name: "id", in: "path", required: true, schema: { type: "string" } }],
        responses: answer(ReviewDetail, "the campaign and its items"),
      },
    },
    "/api/v1/governance": {
      get: { summary: "The governance row of the dashboard", responses: answer(Governance, "the numbers") },
    },
    "/api/v1/evidence/{framework}": {
      get: {
        summary: "What is evidence for the entries of a framework",
        parameters: [{ name: "framework", in: "path", required: true, schema: { enum: frameworkIds } }],
        responses: answer(Evidence, "the entries with their evidence"),
      },
    },
    "/api/v1/settings": {
      get: {
        summary: "What is configured and what needs something; for the security team",
        responses: { ...answer(Settings, "the parts"), "403": { description: "for the security team and owners of the organisation" } },
      },
    },
    "/api/v1/coverage": {
      get: {
        summary: "Which identities each connected source covers, and which nobody does",
        responses: answer(CoverageAnswer, "the coverage"),
      },
    },
    "/api/v1/controls": {
      get: { summary: "Who owns which control in which phase", responses: answer(Controls, "the controls and their gaps") },
    },
    "/api/v1/backfill": {
      get: { summary: "How far the history of each repository is looked through", responses: answer(Backfill, "the repositories") },
    },
    "/api/v1/groups/{by}": {
      get: {
        summary: "Incidents by identity, owner, repository or credential type",
        parameters: [{ name: "by", in: "path", required: true, schema: { enum: ["identity", "owner", "repository", "type"] } }],
        responses: answer(Groups, "the groups, the most pressing first"),
      },
    },
  },
} as const;
