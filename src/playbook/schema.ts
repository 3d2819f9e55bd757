import { z } from "zod";
import type { Manifest } from "../driver.ts";
import { ConfigError } from "../errors.ts";
import { parseStrictYaml } from "../strict-yaml.ts";
import { lint } from "./lint.ts";

const mode = z.enum(["graceful", "contain-first", "revoke-first"]);
const expression = z
  .string()
  .max(500)
  .regex(/^\s*\$\{\{[\s\S]*\}\}\s*$/, "expected one expression in dollar signs and double braces");

const step = z.strictObject({
  id: z.string().regex(/^[a-z][a-z0-9-]{0,39}$/, "expected lower-case words joined by -"),
  uses: z.string().regex(/^[a-z][a-z0-9-]*(\/[a-z-]+)?@1$/, "expected <driver>/<verb>@1, or one of the engine's steps with @1"),
  /** Over mode, reversible, mints, public, environment and inputs: the step is left out of the plan where it is false. */
  if: expression.optional(),
  /** For people: what happens, in a few words. */
  title: z.string().max(120),
  /** What the step takes, each field by its own rules (docs/playbooks.md). */
  with: z.record(z.string().max(40), z.union([z.string().max(500), z.number(), z.boolean()])).default({}),
});

const input = z.strictObject({
  /** A non-secret fact of the incident: `attributes.NAME`, or one of the identity, connection and environment. */
  from: z
    .string()
    .regex(
      /^(attributes\.[a-zA-Z_][\w-]*|identity\.(name|kind|owner)|environment|connection)$/,
      "expected attributes.NAME, identity.name, identity.kind, identity.owner, environment or connection",
    ),
  /** Without it the plan is blocked; otherwise it is empty. */
  required: z.boolean().default(false),
});

export const Playbook = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,59}$/),
  version: z.number().int().positive(),
  match: z.strictObject({
    /** Detector ids. */
    credential: z.array(z.string()).min(1),
    /** Only for these; absent = all. The playbook that asks for more goes first. */
    environment: z.array(z.string()).min(1).optional(),
    kind: z.array(z.string()).min(1).optional(),
  }),
  policy: z.strictObject({
    modes: z.array(mode).min(1),
    /** Another mode where this is true, over public, alive, usage and environment. */
    escalate: z.strictObject({ when: expression, to: mode }).optional(),
  }),
  inputs: z.record(z.string().regex(/^[a-z][a-z0-9_]{0,39}$/), input).default({}),
  steps: z.array(step).min(1).max(40),
});

export type Playbook = z.output<typeof Playbook>;
export type PlaybookStep = z.output<typeof step>;
export type Mode = z.output<typeof mode>;

/**
 * Throws ConfigError with the line of what does not fit the schema, or the first problem of `lint`. With `manifests` also drivers and
 * verbs that do not exist are problems.
 */
export function parsePlaybook(text: string, file: string, manifests?: readonly Manifest[]): Playbook {
  const playbook = parseStrictYaml(text, file, Playbook);
  const [problem] = lint(playbook, manifests);
  if (problem !== undefined) {
    const line = text.split("\n").findIndex((candidate) => new RegExp(`\\bid: ${problem.step}\\b`).test(candidate));
    throw new ConfigError(problem.text, { file, line: line === -1 ? undefined : line + 1 });
  }
  return playbook;
}
