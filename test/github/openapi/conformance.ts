import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv, type ValidateFunction } from "ajv";
import type { Exchange } from "../../../src/stand-in/github/exchange.ts";

type Schema = Readonly<Record<string, unknown>>;
interface Content {
  readonly content?: Readonly<Record<string, { readonly schema?: Schema }>>;
}
interface Operation {
  readonly requestBody?: Content & { readonly required?: boolean };
  readonly responses?: Readonly<Record<string, Content | Schema>>;
}
interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly webhooks: Readonly<Record<string, Operation>>;
  readonly components: Readonly<Record<string, unknown>>;
}

const description = JSON.parse(readFileSync(join(import.meta.dirname, "..", "..", "github-openapi.json"), "utf8")) as Description;
const routes = Object.keys(description.paths)
  // `/issues/comments` is no `/issues/{issue_number}`
  .toSorted((a, b) => a.split("{").length - b.split("{").length)
  .map((path) => ({
    path,
    // a path or branch may hold slashes; GitHub takes them so
    pattern: new RegExp(`^${path.replace(/\{(path|branch|ref|basehead)\}/g, ".+").replace(/\{[^}]+\}/g, "[^/]+")}$`),
  }));

/** GitHub gives more permissions here than it describes, `merge_queues` for one. */
const incomplete = new Set(["app-permissions", "permissions"]);

/** Requests are held against GitHub's description as it stands; answers and webhooks may leave fields out, but may not invent or mistype one. */
const plain = nullable(description) as Description;
const strict = compiler(plain);
const partial = compiler(lenient(plain));

/**
 * What differs between an exchange with the stand-in and GitHub's OpenAPI description (reduced by reduce.ts, https://github.com/github/rest-api-description):
 * a request that GitHub would refuse, an operation, status or field that it does not have, a value of another type.
 */
export function differences(exchange: Exchange): string[] {
  if (exchange.kind === "webhook") {
    const { event, action } = exchange;
    const name = [event, ...(action === undefined ? [] : [action])].join("-").replaceAll("_", "-");
    const schema = description.webhooks[name];
    if (schema === undefined) return [`webhook ${name}: GitHub has no such event`];
    return partial(`webhooks/${name}/requestBody/content/application~1json/schema`, exchange.payload).map(
      (text) => `webhook ${name}: ${text}`,
    );
  }
  const { method, path, status } = exchange;
  if (outside.test(path)) return [];
  const found = routes.find(
    ({ path: known, pattern }) => pattern.test(path) && description.paths[known]?.[method.toLowerCase()] !== undefined,
  );
  if (found === undefined) return [`${method} ${path}: GitHub has no such operation`];
  const operation = description.paths[found.path]?.[method.toLowerCase()] ?? {};
  const place = `paths/${pointer(found.path)}/${method.toLowerCase()}`;
  const wrong: string[] = [];
  if (status < 400 && operation.requestBody?.content?.["application/json"] !== undefined)
    if (exchange.request !== undefined || operation.requestBody.required === true)
      wrong.push(
        ...strict(`${place}/requestBody/content/application~1json/schema`, exchange.request ?? {}).map((text) => `request ${text}`),
      );
  const answer = operation.responses?.[String(status)];
  // a refusal that GitHub names in prose only
  if (answer === undefined) return status < 400 ? [...wrong, `${method} ${found.path}: GitHub has no answer ${status}`] : wrong;
  const at = "$ref" in answer ? String(answer["$ref"]).replace("#/", "") : `${place}/responses/${status}`;
  if (exchange.answer !== undefined && contentAt(at)?.["application/json"]?.schema !== undefined)
    wrong.push(...partial(`${at}/content/application~1json/schema`, exchange.answer).map((text) => `answer ${text}`));
  return wrong.map((text) => `${method} ${found.path} ${status}: ${text}`);
}

/** Notes from now on what differs; the function given fails where something did. */
export function heldToDescription(github: { exchanged: ((exchange: Exchange) => void) | undefined }): () => void {
  const found = new Set<string>();
  github.exchanged = (exchange) => {
    for (const difference of differences(exchange)) found.add(difference);
  };
  return () => {
    if (found.size > 0) throw new Error(`Not as GitHub's OpenAPI description says:\n${[...found].join("\n")}`);
  };
}

/** Pages and forms of github.com, and git: not of the REST API. */
const outside = /^\/(login|settings|organizations)\/|\.git(\/|$)/;

function contentAt(place: string): Content["content"] {
  let at: unknown = description;
  for (const step of place.split("/"))
    at = (at as Record<string, unknown> | undefined)?.[decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~")];
  return (at as Content | undefined)?.content;
}

function pointer(path: string): string {
  return path.replaceAll("~", "~0").replaceAll("/", "~1").replaceAll("{", "%7B").replaceAll("}", "%7D");
}

function compiler(source: Description): (place: string, value: unknown) => string[] {
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  ajv.addSchema(source, "github");
  const compiled = new Map<string, ValidateFunction>();
  return (place, value) => {
    const check = compiled.get(place) ?? ajv.compile({ $ref: `github#/${place}` });
    compiled.set(place, check);
    if (check(value)) return [];
    return (check.errors ?? [])
      .slice(0, 3)
      .map(({ instancePath, message, params }) => `${instancePath || "body"} ${message} ${JSON.stringify(params)}`);
  };
}

/** OpenAPI 3.0 writes `nullable`, JSON Schema a type more. */
function nullable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(nullable);
  if (typeof value !== "object" || value === null) return value;
  const { nullable: may, ...rest } = Object.fromEntries(Object.entries(value).map(([name, item]) => [name, nullable(item)]));
  return may === true ? { anyOf: [rest, { type: "null" }] } : rest;
}

/**
 * The same description with every field optional and none beyond it. What is put together by `allOf` cannot be closed part by part: its parts
 * are taken from an open copy of the components.
 */
function lenient(source: Description): Description & { readonly open: unknown } {
  const { components, ...rest } = source;
  return { ...(relaxed(rest, true) as Description), components: relaxed(components, true) as Schema, open: relaxed(components, false) };
}

function relaxed(value: unknown, closed: boolean, inProperties = false): unknown {
  if (Array.isArray(value)) return value.map((item) => relaxed(item, closed));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value);
  if (inProperties) return Object.fromEntries(entries.map(([name, item]) => [name, relaxed(item, closed && !incomplete.has(name))]));
  const made: Record<string, unknown> = {};
  for (const [name, item] of entries) {
    if (name === "required") continue;
    if (name === "$ref") made[name] = closed ? item : String(item).replace("#/components/", "#/open/");
    else if (name === "oneOf") made["anyOf"] = relaxed(item, closed);
    else made[name] = relaxed(item, closed && name !== "allOf" && !incomplete.has(name), name === "properties");
  }
  if (closed && made["properties"] !== undefined && made["additionalProperties"] === undefined && made["allOf"] === undefined)
    made["additionalProperties"] = false;
  return made;
}
