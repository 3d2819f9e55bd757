import { readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { Finding } from "../../finding.ts";
import { pinOf, request } from "../../http.ts";
import type { RuntimeAction } from "../../incident/runtime.ts";
import { parseStrictYaml } from "../../strict-yaml.ts";
import type { Client } from "./agent-protocol.ts";

/** What a hook decided about one text of a client; never the text. */
export interface Judged {
  readonly client: Client;
  /** `prompt`, `tool call`, `tool output`, `file` */
  readonly where: string;
  readonly action: RuntimeAction;
  readonly findings: readonly Finding[];
  readonly session?: string;
  readonly tool?: string;
}

/** `report.yml` of this user: the server that hears of what was stopped, and the token of its runtime source. */
const Config = z.strictObject({ url: z.url(), token: z.string().min(8).max(500) });

/** Reports under way at once, and in a minute; what comes on top is not told. The client is never kept waiting. */
const bounds = { underWay: 4, minute: 60, time: 5000 } as const;

/** `$XDG_CONFIG_HOME/rekey/report.yml`, else in `~/.config`. */
export function reportFile(environment: NodeJS.ProcessEnv = process.env): string {
  const home = environment["XDG_CONFIG_HOME"];
  return join(home !== undefined && home !== "" ? home : join(homedir(), ".config"), "rekey/report.yml");
}

/**
 * Tells the server what a hook stopped: titles and detector ids, no value, no text, no path. Only where the file is there and nobody else may
 * read it. It never throws and never waits for: whatever goes wrong, the client went on before.
 */
export function reporter(file = reportFile()): (judged: Judged) => Promise<void> {
  let underWay = 0;
  let minute = { at: 0, count: 0 };
  return async (judged) => {
    const now = Math.floor(Date.now() / 60_000);
    if (minute.at !== now) minute = { at: now, count: 0 };
    if (underWay >= bounds.underWay || minute.count >= bounds.minute) return;
    minute.count += 1;
    underWay += 1;
    try {
      const config = read(file);
      if (config !== undefined) await send(config, judged);
    } catch {
      // nothing is said: the answer has gone to the client, and a hook keeps no log
    } finally {
      underWay -= 1;
    }
  };
}

function read(file: string): z.output<typeof Config> | undefined {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat === undefined || (stat.mode & 0o077) !== 0 || stat.uid !== process.getuid?.()) return undefined;
  return parseStrictYaml(readFileSync(file, "utf8"), file, Config);
}

async function send({ url, token }: z.output<typeof Config>, { client, where, action, findings, session, tool }: Judged): Promise<void> {
  const kinds = new Map(findings.map((finding) => [finding.detector, finding]));
  const events = [...kinds.values()].slice(0, 20).map(({ title, detector, severity }) => ({
    kind: "data-leakage",
    severity,
    title: `${title} in a ${where}`,
    at: new Date().toISOString(),
    action,
    rule: detector,
    ...(tool === undefined ? {} : { tool: tool.slice(0, 200) }),
    identity: { agent: client, ...(session === undefined ? {} : { agent_id: session.slice(0, 200) }) },
  }));
  await request({
    method: "POST",
    url: `${url.replace(/\/$/, "")}/v1/events`,
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify({ events }),
    pins: [pinOf(url)],
    timeout: bounds.time,
  });
}
