import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Manifest } from "../driver.ts";
import { type Playbook, parsePlaybook } from "../playbook/schema.ts";

export const builtInPlaybooks = fileURLToPath(new URL("../../playbooks", import.meta.url));

/** The built-in playbooks and those of the org's policy folder. Never from a repository under investigation. Throws ConfigError. */
export function loadPlaybooks(folders: readonly string[] = [builtInPlaybooks], manifests?: readonly Manifest[]): Playbook[] {
  return folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith(".yml"))
      .sort()
      .map((name) => parsePlaybook(readFileSync(join(folder, name), "utf8"), join(folder, name), manifests)),
  );
}
