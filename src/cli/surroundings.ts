import { resolve } from "node:path";

/** Paths of hook variables count from where the hook was started. */
export function absolute(env: Record<string, string>): Record<string, string> {
  const isList = (name: string) => name === "GIT_ALTERNATE_OBJECT_DIRECTORIES";
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, isList(name) ? value : resolve(value)]));
}

/** UTC, YYYY-MM-DD. */
export function today(): string {
  return new Date().toISOString().slice(0, 10);
}
