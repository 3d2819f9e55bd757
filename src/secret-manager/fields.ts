import { Secret } from "../secret.ts";

/** The values of an entry; what is no text stands as its JSON. */
export function secretsOf(data: Readonly<Record<string, unknown>>): Record<string, Secret> {
  return Object.fromEntries(
    Object.entries(data).map(([name, value]) => [name, Secret.from(typeof value === "string" ? value : JSON.stringify(value))]),
  );
}

/** For the line that sends them. */
export function revealed(fields: Readonly<Record<string, Secret>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).map(([name, secret]) => [name, secret.reveal()]));
}
