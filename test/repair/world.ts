import { randomInt } from "node:crypto";
import { loadRuleset } from "../../src/config/detectors.ts";
import { expandTemplate } from "../../src/detector/template.ts";
import type { Finding } from "../../src/finding.ts";
import { buildGraph } from "../../src/identity/graph.ts";
import { variableNames } from "../../src/repair/name.ts";
import { repairOf } from "../../src/repair/repair.ts";
import { applied, isRewrite, type NoRewrite, type Rewrite } from "../../src/repair/syntax.ts";
import { scan } from "../../src/scan/scan.ts";
import { scopeSalt } from "../../src/secret.ts";

const ruleset = await loadRuleset();
const keyring = { tenant: [], salts: [scopeSalt("test")] };

/** A value of a type that is found anywhere by its form. */
export function key(template = "sk-or-v1-{hex:64}"): string {
  return expandTemplate(template, (below) => randomInt(below));
}

export function findingsIn(path: string, text: string): Finding[] {
  return scan({ bytes: Buffer.from(text), origin: { kind: "file", path } }, ruleset, keyring);
}

export interface Repaired {
  readonly repair: Rewrite | NoRewrite;
  /** The file after it. */
  readonly text: string;
  readonly left: readonly Finding[];
  /** Who uses which variable, by the identity graph of the file after it. */
  readonly edges: readonly string[];
}

/** The repair of the file's only finding, and what the scan and the graph say of the result. `VALUE` in the text stands for the key. */
export function repaired(path: string, template: string, value = key()): Repaired {
  const text = template.replaceAll("VALUE", value);
  const [finding, ...more] = findingsIn(path, text);
  if (finding === undefined || more.length > 0)
    throw new Error(`expected one finding in ${path}, got ${more.length + (finding === undefined ? 0 : 1)}`);
  const start = Buffer.from(text).subarray(0, finding.locator.byteStart).toString().length;
  const end = Buffer.from(text).subarray(0, finding.locator.byteEnd).toString().length;
  const repair = repairOf({ path, text, start, end, finding, variable: variableNames([finding], new Map([[path, text]]))(finding) });
  const after = isRewrite(repair) ? applied(text, repair.edits) : text;
  const graph = buildGraph({ scope: ".", files: [{ path, text: after }], findings: [], storeMatches: [] });
  const names = new Map([...graph.nodes, ...graph.identities].map(({ id, name }) => [id, name]));
  const edges = graph.edges
    .filter(({ relation, from }) => relation === "used_by" && /^(variable|store-entry):/.test(from))
    .map(({ from, to }) => `${names.get(from)} -> ${names.get(to)}`);
  return { repair, text: after, left: findingsIn(path, after), edges };
}
