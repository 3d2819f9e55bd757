import type { z } from "zod";
import { onDemand } from "../on-demand.ts";
import { parseStrictYaml } from "../strict-yaml.ts";

/** Made when a file is first read. */
function schema() {
  const { z } = onDemand.zod();
  const reason = z.string().trim().min(3, "expected a reason that a colleague understands");
  /** Only for accepted risk: from this day on the entry silences nothing. */
  const until = z
    .string()
    .regex(/^\d{4}-\d{2}-\d{2}$/, "expected a date YYYY-MM-DD")
    .optional();
  const path = z
    .string()
    .min(1)
    .refine((value) => !value.startsWith("/"), "expected a path from the top of the repository, without a leading /");

  /** The same value anywhere, as `rekey ignore` writes it; with `subject`, only for that account. */
  const byValue = z.strictObject({
    fingerprint: z.string().regex(/^rs1:[0-9a-f]{8}:[\w-]{43}$/, "expected rs1:<salt id>:<hmac>, as `rekey ignore` writes it"),
    subject: z.string().optional(),
    reason,
    until,
  });

  /** For values too weak to fingerprint: the n-th finding of this detector (and pointer) in this file, from 1. */
  const byPlace = z.strictObject({
    detector: z.string().min(1),
    path,
    pointer: z.string().optional(),
    ordinal: z.number().int().positive(),
    reason,
    until,
  });

  const byPath = z.strictObject({ paths: z.array(path).min(1), detectors: z.array(z.string()).min(1).optional(), reason });

  return z.strictObject({ version: z.literal(1), ignore: z.array(z.union([byValue, byPlace, byPath])) });
}

export type IgnoreEntry = z.output<ReturnType<typeof schema>>["ignore"][number];

/** `.rekey/ignore.yml`. Throws ConfigError with the line. */
export function parseIgnore(text: string, file: string): readonly IgnoreEntry[] {
  return text.trim() === "" ? [] : parseStrictYaml(text, file, schema()).ignore;
}
