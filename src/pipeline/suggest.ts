import { credentialKey, type Finding } from "../finding.ts";
import { fetchTree, withBareRepository } from "../github/fetch-code.ts";
import type { NoteRepair } from "../github/publish.ts";
import { type FileRepair, repairFile } from "../repair/file.ts";
import { variableNames } from "../repair/name.ts";
import { isRewrite } from "../repair/syntax.ts";
import { scan } from "../scan/scan.ts";
import type { PullRequestIncident } from "../store/pull-requests.ts";
import { keyringOf, type RepositoryRef, remoteOf } from "./code.ts";
import type { Rekey } from "./context.ts";
import { filesAt } from "./inventory.ts";

/** A line of more characters is generated, and no suggestion helps. */
const longestLine = 2000;

/**
 * For each incident whose value stands in the head, how its line is to be written instead: read anew from the head, and kept nowhere.
 * By incident id.
 */
export async function repairsInHead(
  rekey: Rekey,
  repository: RepositoryRef,
  headSha: string,
  incidents: readonly PullRequestIncident[],
): Promise<ReadonlyMap<string, NoteRepair>> {
  const there = incidents.flatMap(({ incident, findings }) => {
    const [place] = findings;
    return place?.present === true && place.finding.location.path !== undefined ? [{ id: incident.id, finding: place.finding }] : [];
  });
  const paths = new Set(there.map(({ finding }) => finding.location.path));
  if (paths.size === 0) return new Map();
  return withBareRepository(async (gitDir) => {
    const remote = await remoteOf(rekey, repository);
    await fetchTree(gitDir, remote, headSha);
    const files = await filesAt(gitDir, remote, headSha, (path) => paths.has(path));
    return new Map(
      there.flatMap(({ id, finding }): [string, NoteRepair][] => {
        const file = files.find(({ path }) => path === finding.location.path);
        const repair = file === undefined ? undefined : noteFor(rekey, repository, file, finding);
        return repair === undefined ? [] : [[id, repair]];
      }),
    );
  });
}

function noteFor(
  { ruleset, ...rekey }: Rekey,
  { fullName }: RepositoryRef,
  { path, text }: { path: string; text: string },
  finding: Finding,
): NoteRepair | undefined {
  const keyring = keyringOf({ ruleset, ...rekey }, fullName);
  const find = (of: string) => scan({ bytes: Buffer.from(of), origin: { kind: "file", path } }, ruleset, keyring);
  const line = Number(finding.attributes["headLine"]);
  const all = find(text);
  const here = all.find((one) => credentialKey(one) === credentialKey(finding) && one.location.startLine === line);
  if (here === undefined) return undefined;
  const repaired = repairFile({ path, text, findings: [here], variable: variableNames(all, new Map([[path, text]])), scan: find });
  const repair = repaired.repairs[0]?.repair;
  if (repair === undefined) return undefined;
  if (!isRewrite(repair)) return { none: repair.none };
  const suggestion = suggestionFor(repaired, line);
  return { reference: repair.reference, next: repair.next, ...(suggestion === undefined ? {} : { suggestion }) };
}

/** The new line or lines, where nothing but the finding's own line changes and no other value stands in what takes its place. */
function suggestionFor({ text, diff }: FileRepair, line: number): string[] | undefined {
  const [removed, added] = [diff.filter(({ sign }) => sign === "-"), diff.filter(({ sign }) => sign === "+")];
  if (removed.length !== 1 || removed[0]?.line !== line || added.length === 0) return undefined;
  const lines = text
    .split("\n")
    .slice(line - 1, line - 1 + added.length)
    .map((one) => one.replace(/\r$/, ""));
  // the diff has no values: what differs from it holds one
  const same = added.every((one, index) => one.line === line + index && one.text === lines[index]);
  return same && lines.every((one) => one.length <= longestLine) ? lines : undefined;
}
