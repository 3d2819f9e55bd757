import { readFileSync, statSync } from "node:fs";
import { loadMapping } from "../../config/mapping.ts";
import { ConfigError, UsageError } from "../../errors.ts";
import { applyMapping, type Mapped } from "../../incident/mapping.ts";
import { titleOf } from "../../incident/runtime.ts";

const mostBytes = 4 << 20;

/** Proves a mapping, and with a sample shows what it would become. Nothing is sent. Gives the exit code. */
export function checkMapping(file: string | undefined, event: string | undefined, format: string): number {
  if (file === undefined) throw new UsageError("expected rekey check mapping FILE [--event sample.json]");
  const mapping = loadMapping(file);
  const mapped = event === undefined ? undefined : applyMapping(mapping, sample(event), "sample");
  if (format === "json") process.stdout.write(`${JSON.stringify({ version: 1, mapping: mapping.name, ...mapped }, null, 2)}\n`);
  else process.stdout.write(mapped === undefined ? `${file}: ${mapping.name}: the mapping is well-formed\n` : text(mapped));
  return mapped === undefined || mapped.problems.length === 0 ? 0 : 1;
}

function sample(file: string): unknown {
  try {
    if (statSync(file).size > mostBytes) throw new UsageError(`expected a sample of at most ${mostBytes} bytes`);
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new ConfigError(cause instanceof SyntaxError ? "the sample is not JSON" : "the sample cannot be read", { file, cause });
  }
}

/** What a vendor wrote has no control characters here: the mapping has taken them out. */
function text({ events, ignored, problems }: Mapped): string {
  const lines = events.flatMap((event) => {
    const { kind, severity, at, externalId, action, rule, tool, model, link, hints } = event;
    const facts = { kind, severity, time: at, id: externalId, action, rule, tool, model, link, ...hints };
    return [
      titleOf(event),
      ...Object.entries(facts).flatMap(([name, value]) => (value === undefined ? [] : [`  ${name.padEnd(10)} ${value}`])),
    ];
  });
  const summary = `${events.length} ${events.length === 1 ? "event" : "events"}, ${ignored} left out by 'when', ${problems.length} problems`;
  return `${[...lines, ...problems, summary].join("\n")}\n`;
}
