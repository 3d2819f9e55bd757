import { z } from "zod";
import { type HttpAnswer, json, pinOf, request } from "../http.ts";
import type { Secret } from "../secret.ts";
import type { Message } from "./message.ts";
import { NotTakenError, type Target } from "./target.ts";

export interface JiraConfig {
  readonly name: string;
  /** `https://acme.atlassian.net` */
  readonly url: string;
  readonly project: string;
  readonly issueType: string;
  /** `email:api-token` */
  readonly credential: Secret;
}

const Created = z.object({ key: z.string().regex(/^[A-Z][A-Z0-9_]*-\d+$/) });
const Found = z.object({ issues: z.array(Created) });

/**
 * One issue an incident in Jira Cloud (REST API v3), found again by its label, so that a lost answer makes no second one; what happens
 * later becomes a comment. It is never closed by Rekey: the issue is the team's.
 */
export function jiraTarget(config: JiraConfig): Target {
  const label = ({ incident }: Message) => `rekey-${incident.id}`;
  return {
    name: config.name,
    async send(message) {
      const known = await find(config, label(message));
      if (known === undefined) return create(config, message, label(message));
      if (message.topic === "opened") return known;
      await call(config, "POST", `/rest/api/3/issue/${known}/comment`, { body: text([message.sentence]) });
      return known;
    },
  };
}

async function find(config: JiraConfig, label: string): Promise<string | undefined> {
  const query = new URLSearchParams({ jql: `project = "${config.project}" AND labels = "${label}"`, fields: "key", maxResults: "1" });
  const found = Found.safeParse(json(await call(config, "GET", `/rest/api/3/search/jql?${query}`)));
  if (!found.success) throw new Error(`${config.name}: the answer to a search is not one of Jira Cloud`);
  return found.data.issues[0]?.key;
}

async function create(config: JiraConfig, { sentence, incident }: Message, label: string): Promise<string> {
  const lines = [
    sentence,
    `Severity ${incident.severity}, detected ${incident.detected}.`,
    ...(incident.url === undefined ? [] : [incident.url]),
  ];
  const fields = {
    project: { key: config.project },
    issuetype: { name: config.issueType },
    summary: `${incident.id}: ${incident.title}`.replaceAll(/\s+/g, " ").slice(0, 250),
    description: text(lines),
    labels: ["rekey", label],
  };
  return Created.parse(json(await call(config, "POST", "/rest/api/3/issue", { fields }))).key;
}

/** Atlassian document format: text nodes hold text, whatever stands in it. */
function text(lines: readonly string[]): object {
  return {
    type: "doc",
    version: 1,
    content: lines.map((line) => ({ type: "paragraph", content: [{ type: "text", text: line.slice(0, 2000) }] })),
  };
}

async function call(config: JiraConfig, method: string, path: string, body?: object): Promise<HttpAnswer> {
  const answer = await request({
    method,
    url: `${config.url}${path}`,
    headers: {
      accept: "application/json",
      authorization: `Basic ${Buffer.from(config.credential.reveal()).toString("base64")}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    pins: [pinOf(config.url)],
    timeout: 20_000,
  });
  if (answer.status < 200 || answer.status > 299) throw new NotTakenError(config.name, answer);
  return answer;
}
