/**
 * `node test/github/openapi/reduce.ts <api.github.com.json>`: keeps of GitHub's OpenAPI description (the package `@octokit/openapi`, MIT) the
 * operations and webhooks that the stand-in has, without prose and examples, as `test/github-openapi.json`. An operation is added by
 * its line below.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const operations = `
GET /app
GET /app/hook/config
PATCH /app/hook/config
GET /app/hook/deliveries
POST /app/hook/deliveries/{delivery_id}/attempts
GET /app/installations
POST /app/installations/{installation_id}/access_tokens
POST /app-manifests/{code}/conversions
GET /installation/repositories
GET /orgs/{org}/secret-scanning/alerts
GET /orgs/{org}/teams/{team_slug}/memberships/{username}
GET /repos/{owner}/{repo}
GET /repos/{owner}/{repo}/branches
GET /repos/{owner}/{repo}/branches/{branch}
PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}
POST /repos/{owner}/{repo}/check-runs
GET /repos/{owner}/{repo}/collaborators/{username}/permission
GET /repos/{owner}/{repo}/commits/{ref}/check-runs
GET /repos/{owner}/{repo}/compare/{basehead}
GET /repos/{owner}/{repo}/contents/{path}
GET /repos/{owner}/{repo}/issues
POST /repos/{owner}/{repo}/issues
GET /repos/{owner}/{repo}/issues/{issue_number}
PATCH /repos/{owner}/{repo}/issues/{issue_number}
GET /repos/{owner}/{repo}/issues/comments
GET /repos/{owner}/{repo}/issues/comments/{comment_id}
PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}
DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}
GET /repos/{owner}/{repo}/issues/{issue_number}/comments
POST /repos/{owner}/{repo}/issues/{issue_number}/comments
POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions
GET /repos/{owner}/{repo}/pulls
POST /repos/{owner}/{repo}/pulls
GET /repos/{owner}/{repo}/pulls/{pull_number}
PATCH /repos/{owner}/{repo}/pulls/{pull_number}
GET /repos/{owner}/{repo}/pulls/comments
GET /repos/{owner}/{repo}/pulls/comments/{comment_id}
PATCH /repos/{owner}/{repo}/pulls/comments/{comment_id}
DELETE /repos/{owner}/{repo}/pulls/comments/{comment_id}
GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews
POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews
GET /repos/{owner}/{repo}/secret-scanning/alerts
GET /repos/{owner}/{repo}/secret-scanning/alerts/{alert_number}
PATCH /repos/{owner}/{repo}/secret-scanning/alerts/{alert_number}
GET /repos/{owner}/{repo}/secret-scanning/alerts/{alert_number}/locations
GET /user
GET /user/installations
GET /user/installations/{installation_id}/repositories
GET /user/memberships/orgs/{org}
`;

const webhooks =
  /^(push|create|delete|(check-run-(requested-action|rerequested))|installation-(created|deleted|suspend|unsuspend)|installation-repositories-.*|issue-comment-(created|edited|deleted)|issues-(opened|edited|closed)|merge-group-.*|pull-request-(opened|closed|edited|ready-for-review|reopened|synchronize)|pull-request-review-(submitted|edited)|pull-request-review-comment-(created|edited)|repository-(renamed|publicized|privatized|transferred|deleted|edited)|secret-scanning-alert-.*)$/;

interface Described {
  readonly info: { readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly "x-webhooks": Readonly<Record<string, { readonly post: unknown }>>;
  readonly components: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const prose = new Set(["description", "summary", "examples", "example", "externalDocs", "tags", "operationId", "title", "headers"]);

/** Words for people go; a property that happens to be called so stays. */
function bare(value: unknown, inProperties = false): unknown {
  if (Array.isArray(value)) return value.map((item) => bare(item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => inProperties || !(prose.has(name) || name.startsWith("x-")))
      .map(([name, item]) => [name, bare(item, !inProperties && name === "properties")]),
  );
}

function references(value: unknown): string[] {
  return [...JSON.stringify(value).matchAll(/"\$ref":"#\/components\/([^"]+)"/g)].map(([, path]) => path ?? "");
}

const description = JSON.parse(readFileSync(process.argv[2] ?? "api.github.com.json", "utf8")) as Described;
const paths: Record<string, Record<string, unknown>> = {};
for (const line of operations.trim().split("\n")) {
  const [method = "", path = ""] = line.split(" ");
  const operation = description.paths[path]?.[method.toLowerCase()];
  if (operation === undefined) throw new Error(`${line}: GitHub's description has no such operation`);
  const { requestBody, responses } = operation as { requestBody?: unknown; responses: unknown };
  paths[path] = { ...paths[path], [method.toLowerCase()]: bare({ ...(requestBody === undefined ? {} : { requestBody }), responses }) };
}
const events = Object.fromEntries(
  Object.entries(description["x-webhooks"])
    .filter(([name]) => webhooks.test(name))
    .map(([name, { post }]) => [name, bare({ requestBody: (post as { requestBody: unknown }).requestBody })]),
);

const components: Record<string, Record<string, unknown>> = {};
const open = references([paths, events]);
for (let next = open.pop(); next !== undefined; next = open.pop()) {
  const [kind = "", name = ""] = next.split("/");
  if (components[kind]?.[name] !== undefined) continue;
  const part = bare(description.components[kind]?.[name]);
  components[kind] = { ...components[kind], [name]: part };
  open.push(...references(part));
}
const reduced = {
  info: { version: description.info.version, license: "MIT, Copyright GitHub: @octokit/openapi" },
  paths,
  webhooks: events,
  components,
};
writeFileSync(join(import.meta.dirname, "..", "..", "github-openapi.json"), `${JSON.stringify(reduced)}\n`);
