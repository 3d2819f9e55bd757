/** Crockford's base32: no I, L, O, U, so that an id survives being read aloud. */
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** `RK-` and `length` characters out of random bytes; the caller checks that it is free and asks for more characters if not. */
export function incidentId(random: Uint8Array, length: number): string {
  return `RK-${Array.from(random.subarray(0, length), (byte) => alphabet[byte % 32]).join("")}`;
}

/** What people type, as the id is written, in either case, with `O` for zero, `I` or `L` for one. Undefined if it is none. */
export function parseIncidentId(text: string): string | undefined {
  const body = /^rk-([0-9a-z]{4,8})$/i.exec(text.trim())?.[1]?.toUpperCase().replaceAll("O", "0").replaceAll(/[IL]/g, "1");
  return body === undefined || body.includes("U") ? undefined : `RK-${body}`;
}
