import { randomInt } from "node:crypto";
import { stringify as toToml } from "smol-toml";
import { beforeAll, expect, test } from "vitest";
import { stringify as toYaml } from "yaml";
import { type Client, type Place, type Surface, standardServer } from "../../src/agent-config/client.ts";
import { clientFor, clients, readAgentConfig } from "../../src/agent-config/index.ts";
import { loadRuleset } from "../../src/config/detectors.ts";
import type { Ruleset } from "../../src/detector/compile.ts";
import { expandTemplate } from "../../src/detector/template.ts";
import { identitiesDocument } from "../../src/identity/document.ts";
import { buildGraph } from "../../src/identity/graph.ts";
import { scan } from "../../src/scan/scan.ts";
import { scopeSalt } from "../../src/secret.ts";

let ruleset: Ruleset;
beforeAll(async () => {
  ruleset = await loadRuleset();
});

type Json = { [key: string]: Json | string | boolean | string[] };

/** Every place that a client declares. */
function placesOf(client: Client): { surface: Surface; place: Place; name: string }[] {
  return client.surfaces.flatMap((surface, number) => {
    const inServer = (surface.servers ?? []).flatMap((server) =>
      (surface.server ?? standardServer).map((place) => ({ ...place, at: server + place.at })),
    );
    return [...inServer, ...(surface.slots ?? [])].map((place) => ({ surface, place, name: `${number} ${place.at} as ${place.as}` }));
  });
}

/** A path that the first glob takes. */
function pathOf({ paths }: Surface): string {
  return (paths[0] ?? "")
    .replaceAll("**/", "")
    .replaceAll(/\{([^,}]*),[^}]*\}/g, "$1")
    .replaceAll("*", "x")
    .replace(/^\//, "");
}

/** A file that holds a value at the place, as people write one there. */
function fileWith(surface: Surface, place: Place, value: string): string {
  const keys = place.at.split("/").slice(1);
  const isList = place.as === "arguments" && /(?:^|\/)args$/.test(place.at);
  const written: Record<Place["as"], string | string[]> = {
    variable: value,
    header: `Bearer ${value}`,
    arguments: isList ? ["--api-key", value] : `tool --api-key ${value}`,
    url: `https://h.example.org/mcp?api_key=${value}`,
    value,
    name: value,
    "entry-name": value,
    assignment: `API_KEY=${value}`,
    helper: `echo ${value}`,
  };
  const root: Json = Object.fromEntries((surface.onlyWith ?? []).slice(0, 1).map((key) => [key, {}]));
  let at = root;
  const server = (surface.servers ?? []).findLast((pattern) => place.at.startsWith(`${pattern}/`));
  for (const [index, key] of keys.slice(0, -1).entries()) {
    const name = key === "*" ? `entry${index}` : key;
    at[name] ??= index + 2 === server?.split("/").length ? { type: "http" } : {};
    at = at[name] as Json;
  }
  const last = keys.at(-1) ?? "";
  at[last === "*" ? "API_KEY" : last] = written[place.as];
  if (place.named !== undefined) at[place.named] = "API_KEY";
  const sign = place.secretIf?.[0];
  if (sign !== undefined) at[sign.field] = sign.is === "true" ? true : sign.is;
  const path = pathOf(surface);
  if (surface.format === "front-matter") return `---\n${toYaml(root)}---\ntext\n`;
  if (/\.ya?ml$/.test(path)) return toYaml(root);
  return path.endsWith(".toml") ? toToml(root) : JSON.stringify(root, null, 2);
}

function found(path: string, text: string) {
  return scan({ bytes: Buffer.from(text), origin: { kind: "file", path } }, ruleset, { tenant: [], salts: [scopeSalt("t")] });
}

const ids = clients.map((client) => [client.id, client] as const);

test.each(ids)("%s: a key is found in every place that it declares, with its slot, and shown nowhere", (id, client) => {
  for (const { surface, place, name } of placesOf(client)) {
    const path = pathOf(surface);
    const key = expandTemplate("sk-or-v1-{hex:64}", (below) => randomInt(below));
    const text = fileWith(surface, place, key);
    const findings = found(path, text);
    const seen = findings.map(({ detector, slot }) => [detector, slot?.client]);
    expect([name, clientFor(path)?.id, seen]).toEqual([name, id, [["openrouter-api-key", id]]]);
    const config = readAgentConfig(path, text);
    expect([name, config?.problems]).toEqual([name, []]);
    const graph = identitiesDocument(buildGraph({ scope: ".", files: [{ path, text }], findings, storeMatches: [] }));
    expect([name, JSON.stringify([findings, config?.slots, config?.servers, graph]).includes(key.slice(9, 40))]).toEqual([name, false]);
  }
});

/** Where the place names a vendor, a value that has not its format is none of its keys. */
const ofVendor = /openai|anthropic|aws_|azure|e2b/i;

test.each(ids)("%s: a value of no known format is found where only the place says that it is a secret", (_id, client) => {
  for (const { surface, place, name } of placesOf(client)) {
    if (["name", "entry-name", "helper"].includes(place.as) || ofVendor.test(place.at)) continue;
    // no beginning of a known format, by chance
    const value = expandTemplate("q7w{digits:2}{alnum:28}", (below) => randomInt(below));
    const text = fileWith(surface, place, value);
    const findings = found(pathOf(surface), text);
    const texts = findings.map(({ locator: { byteStart, byteEnd } }) => Buffer.from(text).subarray(byteStart, byteEnd).toString());
    expect([name, texts]).toEqual([name, [value]]);
    expect([name, JSON.stringify(findings).includes(value.slice(4, 24))]).toEqual([name, false]);
  }
});
