import { z } from "zod";

/**
 * What is kept of a webhook (contracts.md §7): ids, refs and names, never the payload. Bodies, messages, titles and diffs hold
 * secrets; a worker reads what it needs again from GitHub. The shape is a part of GitHub's own, so Probot can route it.
 */
const id = z.number().int();
const sha = z.string().regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/);

const fullName = z
  .string()
  .max(200)
  .regex(/^[\w.-]+\/[\w.-]+$/);
const listed = z.object({ id, full_name: fullName, private: z.boolean() });

export const Fields = z.object({
  action: z.string().max(60).optional(),
  installation: z.object({ id, account: z.object({ id, login: z.string().max(100) }).optional() }).optional(),
  repository: z
    .object({
      id,
      full_name: fullName,
      private: z.boolean(),
      default_branch: z.string().max(255),
    })
    .optional(),
  sender: z.object({ id, login: z.string().max(100), type: z.string().max(20) }).optional(),
  ref: z.string().max(1000).optional(),
  before: sha.optional(),
  after: sha.optional(),
  created: z.boolean().optional(),
  deleted: z.boolean().optional(),
  forced: z.boolean().optional(),
  number: id.optional(),
  issue: z.object({ number: id }).optional(),
  comment: z.object({ id }).optional(),
  /** Of GitHub's secret scanning. */
  alert: z.object({ number: id }).optional(),
  check_run: z.object({ id, head_sha: sha }).optional(),
  /** Only that the base branch was changed. */
  changes: z.object({ base: z.object({}).optional() }).optional(),
  check_suite: z.object({ id, head_sha: sha }).optional(),
  merge_group: z.object({ head_sha: sha, base_sha: sha }).optional(),
  repositories_added: z.array(listed).max(5000).optional(),
  repositories_removed: z.array(listed).max(5000).optional(),
  repositories: z.array(listed).max(5000).optional(),
  requested_action: z.object({ identifier: z.string().max(20) }).optional(),
  /** Incident ids and plan hashes of our own boxes that went from [ ] to [x]; nothing else of an edited comment. */
  ticked: z.array(z.object({ incident: z.string().max(12), plan: z.string().max(64) })).optional(),
});

export type Fields = z.output<typeof Fields>;

/** Picks the allow-listed fields of a payload; unknown ones are dropped, wrong ones make it undefined. */
export function fieldsOf(payload: unknown): Fields | undefined {
  const parsed = Fields.safeParse(payload);
  if (!parsed.success) return undefined;
  const ticked = tickedBoxes(payload);
  return ticked.length === 0 ? parsed.data : { ...parsed.data, ticked };
}

const Edit = z.object({ comment: z.object({ body: z.string() }), changes: z.object({ body: z.object({ from: z.string() }) }) });
const box = /- \[([ x])\] <!-- rekey:rotate (RK-[0-9A-Z]{4,8}) ([0-9a-f]{12,64}) -->/g;

function tickedBoxes(payload: unknown): { incident: string; plan: string }[] {
  const edit = Edit.safeParse(payload);
  if (!edit.success) return [];
  const before = new Set([...edit.data.changes.body.from.matchAll(box)].filter((match) => match[1] === "x").map((match) => match[2]));
  return [...edit.data.comment.body.matchAll(box)].flatMap(([, mark, incident, plan]) =>
    mark === "x" && incident !== undefined && plan !== undefined && !before.has(incident) ? [{ incident, plan }] : [],
  );
}
