/** Crockford's base32: no I, L, O, U, so that an id survives being read aloud. */
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** A prefix such as `RK` and `length` characters out of random bytes; the caller checks that it is free and asks for more if not. */
export function shortId(prefix: string, random: Uint8Array, length: number): string {
  return `${prefix}-${Array.from(random.subarray(0, length), (byte) => alphabet[byte % 32]).join("")}`;
}

export function incidentId(random: Uint8Array, length: number): string {
  return shortId("RK", random, length);
}

/** What people type, as the id is written, in either case, with `O` for zero, `I` or `L` for one. Undefined if it is none. */
export function parseIncidentId(text: string): string | undefined {
  return parseShortId("RK", text);
}

export function parseShortId(prefix: string, text: string): string | undefined {
  const [, head = "", tail = ""] = /^([a-z]{2})-([0-9a-z]{4,8})$/i.exec(text.trim()) ?? [];
  const body = tail.toUpperCase().replaceAll("O", "0").replaceAll(/[IL]/g, "1");
  return head.toUpperCase() !== prefix || body.includes("U") ? undefined : `${prefix}-${body}`;
}
