import { type HttpAnswer, json } from "../http.ts";
import type { Secret } from "../secret.ts";

/** Where an answer says whose a credential is: fact → `data.user.login`, `scopes.*` (all members of a list), `header:x-oauth-scopes`. */
export interface Telling {
  readonly secret: Secret;
  readonly paths: Readonly<Partial<Record<string, string>>>;
}

/** A fact is a name, an id, a list of scopes: whatever is longer is cut. Characters. */
const longest = 300;

/** The facts that are there, as text. What could hold a part of the value (vendors show masked keys) is left out. */
export function told(answer: HttpAnswer, { secret, paths }: Telling): Record<string, string> {
  const body = json(answer);
  const value = secret.reveal();
  return Object.fromEntries(
    Object.entries(paths).flatMap(([fact, path = ""]) => {
      const text = path.startsWith("header:") ? answer.headers[path.slice("header:".length)] : textOf(at(body, path.split(".")));
      return text === undefined || text.trim() === "" || holdsPartOf(value, text) ? [] : [[fact, text.trim().slice(0, longest)]];
    }),
  );
}

function at(value: unknown, [key, ...rest]: readonly string[]): unknown {
  if (key === undefined) return value;
  if (typeof value !== "object" || value === null) return undefined;
  if (key === "*") return (Array.isArray(value) ? value : Object.keys(value)).slice(0, 100).map((member) => at(member, rest));
  return Object.hasOwn(value, key) ? at((value as Record<string, unknown>)[key], rest) : undefined;
}

function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (!Array.isArray(value)) return undefined;
  const texts = value.flatMap((member) => textOf(member) ?? []);
  return texts.length === 0 ? undefined : texts.join(", ");
}

/** A run of eight characters of the value, or a masked form: `sk-…wxyz`. */
function holdsPartOf(value: string, text: string): boolean {
  if (/[\w-]{2}(?:\.{3}|…|\*{3}|•{2})|(?:\.{3}|…|\*{3}|•{2})\w{2}/.test(text)) return true;
  for (let start = 0; start + 8 <= value.length; start++) if (text.includes(value.slice(start, start + 8))) return true;
  return false;
}
