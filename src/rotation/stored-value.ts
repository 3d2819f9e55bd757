import type { Prepared } from "../driver.ts";
import { HoldError } from "../errors.ts";
import type { PlannedSink } from "../playbook/plan.ts";
import { Secret } from "../secret.ts";

type Fields = Readonly<Record<string, Secret>>;

/**
 * How a new credential is written into a place of a secret manager: the secret in its field, each companion in the field that is
 * declared for it, or both inside the URL that stands there now (`current`, the fields of the current version). Copies: the caller wipes
 * the credential and the fields each by itself.
 */
export function fieldsOf(place: PlannedSink, { secret, companions }: Prepared, current: Fields | undefined): Record<string, Secret> {
  const field = place.field ?? "";
  const value =
    place.format === "url" ? withPassword(place, current?.[field], secret, companions["username"]) : Secret.from(secret.reveal());
  const beside = Object.entries(place.companions ?? {}).flatMap(([name, its]) => {
    const companion = companions[name];
    return companion === undefined ? [] : [[its, Secret.from(companion)] as const];
  });
  return { [field]: value, ...Object.fromEntries(beside) };
}

/** The reverse: what a place holds of a credential. Undefined where its field is missing or is no URL with a password. */
export function valueIn(place: PlannedSink, fields: Fields | undefined): Prepared | undefined {
  const stored = fields?.[place.field ?? ""];
  if (stored === undefined) return undefined;
  const companions = Object.fromEntries(
    Object.entries(place.companions ?? {}).flatMap(([name, its]) => {
      const companion = fields?.[its]?.reveal();
      return companion === undefined ? [] : [[name, companion]];
    }),
  );
  if (place.format !== "url") return { secret: stored, companions };
  const parts = partsOf(stored);
  if (parts === undefined) return undefined;
  return { secret: Secret.from(decoded(parts.password)), companions: { ...companions, username: decoded(parts.user) } };
}

export function wipe(fields: Fields | undefined): void {
  for (const secret of Object.values(fields ?? {})) secret.wipe();
}

/** Everything but user and password stays as it stands, byte for byte. */
function withPassword(place: PlannedSink, current: Secret | undefined, secret: Secret, username: string | undefined): Secret {
  const parts = current === undefined ? undefined : partsOf(current);
  if (parts === undefined) {
    throw new HoldError(
      "sink-shape",
      `${place.connection}:${place.path} is declared to hold a URL with a password (format: url), and it holds none; nothing was changed. Correct the entry or .rekey/identities.yml`,
    );
  }
  const user = username === undefined ? parts.user : encodeURIComponent(username);
  return Secret.from(`${parts.scheme}${user}:${encodeURIComponent(secret.reveal())}@${parts.rest}`);
}

function partsOf(url: Secret): { scheme: string; user: string; password: string; rest: string } | undefined {
  const [, scheme, user, password, rest] = /^([a-z][a-z0-9+.-]*:\/\/)([^\s/@:]*):([^\s@]+)@(.*)$/is.exec(url.reveal()) ?? [];
  return scheme === undefined || user === undefined || password === undefined || rest === undefined
    ? undefined
    : { scheme, user, password, rest };
}

/** A stray `%` means itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
