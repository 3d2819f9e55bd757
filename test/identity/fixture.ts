import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { z } from "zod";
import type { Ruleset } from "../../src/detector/compile.ts";
import { expandTemplate, seededRandom } from "../../src/detector/template.ts";
import { credentialKey, type Finding, type Grade, type IdentityLink } from "../../src/finding.ts";
import { buildGraph, type Graph, linksFor, type SourceFile, type StoreMatch } from "../../src/identity/graph.ts";
import { inventoryPaths } from "../../src/identity/inventory.ts";
import { credentialNode } from "../../src/identity/model.ts";
import { scan } from "../../src/scan/scan.ts";
import { fingerprint, type Keyring, Secret, scopeSalt } from "../../src/secret.ts";

const folder = fileURLToPath(new URL("./fixtures", import.meta.url));

/** A repository with the graph that a person wrote down before any program had read it. `«detector-id»` stands for a value made now. */
const Fixture = z.strictObject({
  about: z.string(),
  files: z.record(z.string(), z.string()),
  /** What a secret manager holds; `value` is a placeholder of `files`. */
  store: z
    .array(
      z.strictObject({
        connection: z.string(),
        path: z.string(),
        field: z.string(),
        version: z.string(),
        value: z.string(),
        grade: z.enum(["confirmed", "moderate"]).default("confirmed"),
      }),
    )
    .default([]),
  /** One edge a line: `<thing> <relation> <thing> <grade that is deserved>`; `.mcp.json#x` stands in the repository, others are native ids. */
  graph: z.string(),
  /** The links of the findings, where the fixture is about them. */
  links: z.string().optional(),
});

export interface TrueEdge {
  readonly from: string;
  readonly relation: string;
  readonly to: string;
  readonly grade: Grade;
}

export interface ReadFixture {
  readonly name: string;
  readonly about: string;
  readonly graph: Graph;
  /** Each finding's links, as edges. */
  readonly links: readonly TrueEdge[];
  readonly expected: readonly TrueEdge[];
  readonly expectedLinks: readonly TrueEdge[] | undefined;
}

export function fixtureNames(): string[] {
  return readdirSync(folder).map((name) => name.replace(/\.yml$/, ""));
}

export function readFixture(name: string, ruleset: Ruleset): ReadFixture {
  const fixture = Fixture.parse(parse(readFileSync(`${folder}/${name}.yml`, "utf8")));
  const scope = `github.com/acme/${name}`;
  const keyring: Keyring = { tenant: [], salts: [scopeSalt(scope)] };
  const values = new Map<string, string>();
  const secretFor = (placeholder: string) => {
    const known = values.get(placeholder) ?? expandTemplate(templateOf(placeholder, ruleset), seededRandom(`${name} ${placeholder}`));
    values.set(placeholder, known);
    return known;
  };
  const texts = Object.entries(fixture.files).map(([path, text]) => ({ path, text: text.replace(/«(.+?)»/g, (_, one) => secretFor(one)) }));
  const paths = new Set(inventoryPaths(texts.map(({ path }) => path)));
  const findings = texts.flatMap(({ path, text }) => scan({ bytes: Buffer.from(text), origin: { kind: "file", path } }, ruleset, keyring));
  const files: SourceFile[] = texts.filter(({ path }) => paths.has(path) || findings.some(({ location }) => location.path === path));
  const storeMatches = fixture.store.map(
    ({ value, ...rest }): StoreMatch => ({ ...rest, fingerprint: fingerprint(Secret.from(secretFor(value)), keyring) }),
  );
  const graph = buildGraph({ scope, files, findings, storeMatches });
  const edges = (text: string) =>
    text
      .split("\n")
      .filter(Boolean)
      .map((line) => edgeOf(line, scope, findings));
  return {
    name,
    about: fixture.about,
    graph,
    links: findings.flatMap((finding) => linksFor(finding, graph).identities.map((link) => linkEdge(finding, link))),
    expected: edges(fixture.graph),
    expectedLinks: fixture.links === undefined ? undefined : edges(fixture.links),
  };
}

function linkEdge(finding: Finding, { id, relation, grade }: IdentityLink): TrueEdge {
  return { from: credentialNode(finding).id, relation, to: id, grade };
}

function templateOf(placeholder: string, ruleset: Ruleset): string {
  if (placeholder.startsWith("{")) return placeholder;
  const example = ruleset.detectors.find(({ detector }) => detector.id === placeholder)?.detector.examples.match[0];
  const text = /«(.+?)»/.exec(example ?? "")?.[1];
  if (text === undefined) throw new Error(`no example of a detector '${placeholder}'`);
  return text;
}

const line = /^(.+?) (exposed_by|authenticates_as|stored_in|used_by|owned_by|can_access) (.+) (confirmed|strong|moderate|weak)$/;

function edgeOf(text: string, scope: string, findings: readonly Finding[]): TrueEdge {
  const [, from, relation, to, grade] = line.exec(text.trim()) ?? [];
  if (from === undefined || relation === undefined || to === undefined) throw new Error(`not an edge: ${text}`);
  return { from: idOf(from, scope, findings), relation, to: idOf(to, scope, findings), grade: grade as Grade };
}

function idOf(text: string, scope: string, findings: readonly Finding[]): string {
  const type = text.slice(0, text.indexOf(" "));
  const rest = text.slice(text.indexOf(" ") + 1).replace("~", scope);
  if (type === "credential") {
    const finding = findings.find(({ detector }) => detector === rest);
    return finding === undefined ? `credential:${rest}, which the scan did not find` : `credential:${credentialKey(finding)}`;
  }
  if (type === "variable" || type === "file") return `${type}:${scope}#${rest}`;
  if (["owner", "resource", "store-entry"].includes(type) || !rest.includes("#")) return `${type}:${rest}`;
  return `${type}:${scope}#${rest}`;
}
