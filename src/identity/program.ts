import { basename, dirname } from "./mention/path.ts";
import { type GraphIdentity, identityId, type View } from "./model.ts";

/** A program is the folder of its nearest manifest; a lone file is one by itself. */
export function programOf(path: string, view: View): GraphIdentity {
  const manifest = manifestOf(path, view) ?? path;
  const name = manifest === path ? basename(path) : basename(dirname(manifest)) || (view.scope === "." ? manifest : basename(view.scope));
  return { id: identityId("workload", view.scope, manifest, name), kind: "workload", name, locations: [{ path: manifest, startLine: 1 }] };
}

/** Whether a path is a manifest: only its place counts, its text is never needed. */
export function isManifest(path: string): boolean {
  return manifests.includes(basename(path));
}

const manifests = [
  "langgraph.json",
  "package.json",
  "pyproject.toml",
  "go.mod",
  "Cargo.toml",
  "requirements.txt",
  "setup.py",
  "Gemfile",
  "pom.xml",
  "composer.json",
];

function manifestOf(path: string, { textOf }: View): string | undefined {
  const folders: string[] = [];
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    folders.push(folder);
    if (folder === "") break;
  }
  return folders.flatMap((folder) => manifests.map((name) => (folder === "" ? name : `${folder}/${name}`))).find((one) => textOf.has(one));
}
