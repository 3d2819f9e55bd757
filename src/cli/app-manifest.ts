import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { AppManifest } from "../github/manifest.ts";

/** `app.yml` of this version: what the App asks for. */
export function readAppManifest(): AppManifest {
  return AppManifest.parse(parse(readFileSync(fileURLToPath(new URL("../../app.yml", import.meta.url)), "utf8")));
}
