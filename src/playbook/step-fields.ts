import type { Manifest } from "../driver.ts";

/** One field of a step's `with`. A secret is a handle, and only a sensitive field may take it. */
export interface StepField {
  readonly kind: "text" | "page" | "duration" | "count" | "secret" | "alive | dead";
  readonly required?: boolean;
}

type Fields = Readonly<Record<string, StepField>>;

/** What the engine itself can do, and the fields that each of these takes. */
export const engineSteps: Readonly<Record<string, Fields>> = {
  "credential/recover": {},
  "sinks/promote": {},
  "consumers/converged": { timeout: { kind: "duration" } },
  "proof/dead": { key: { kind: "secret" }, control: { kind: "secret" }, times: { kind: "count" }, over: { kind: "duration" } },
  wait: { for: { kind: "duration" } },
  manual: { page: { kind: "page", required: true } },
};

/** What a playbook may ask of a driver, `<driver>/<verb>@1`. */
export const driverVerbs: Readonly<Record<string, Fields>> = {
  issue: {},
  roll: {},
  disable: {},
  revoke: {},
  probe: { key: { kind: "secret" }, expect: { kind: "alive | dead" } },
};

export type StepKind =
  | { readonly of: "engine"; readonly fields: Fields }
  | { readonly of: "driver"; readonly driver: string; readonly verb: string; readonly fields: Fields };

/** What `uses` names; undefined = nothing that exists. */
export function stepKind(uses: string): StepKind | undefined {
  const name = uses.replace(/@1$/, "");
  const engine = Object.hasOwn(engineSteps, name) ? engineSteps[name] : undefined;
  if (engine !== undefined) return { of: "engine", fields: engine };
  const [driver = "", verb = ""] = name.split("/");
  const fields = Object.hasOwn(driverVerbs, verb) ? driverVerbs[verb] : undefined;
  return fields === undefined ? undefined : { of: "driver", driver, verb, fields };
}

/** The drivers that a playbook may name, by the part of their type before the slash. */
export function knownDrivers(manifests: readonly Manifest[]): ReadonlyMap<string, ReadonlySet<string>> {
  const known = new Map<string, Set<string>>();
  for (const manifest of manifests) {
    const family = manifest.type.split("/")[0] ?? "";
    known.set(family, new Set([...(known.get(family) ?? []), ...Object.keys(manifest.verbs)]));
  }
  return known;
}

/** `10m` → milliseconds; undefined = not a duration. */
export function durationOf(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,6})(ms|s|m|h|d)$/.exec(text) ?? [];
  const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  return unit === undefined ? undefined : Number(count) * (units[unit] ?? Number.NaN);
}
