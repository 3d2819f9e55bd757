/**
 * Non-secret facts that a credential holds about itself, for `Finding.attributes` (identity.md 3.3). Called while the value is in
 * memory; gives an empty object where there is nothing to read. `id` is the key id beside the value, where the detector has one.
 * Claims are decoded, their signature is not checked.
 */
export function selfDescription(value: string, id = ""): Readonly<Record<string, string>> {
  if (/^(?:AKIA|ASIA)[A-Z2-7]{16}$/.test(id)) return { account_id: awsAccount(id) };
  const text = value.trim();
  if (text.startsWith("{")) return keyFile(text);
  if (/^eyJ[\w-]{5,}\.eyJ[\w-]{5,}\./.test(text) && text.length < 16_384) return claims(text.split(".")[1] ?? "");
  return {};
}

/** The account of an AWS key id: base32 of what follows the prefix, the first 6 bytes, bits 7 to 46. */
export function awsAccount(keyId: string): string {
  let bits = 0n;
  for (const character of keyId.slice(4, 14))
    bits = (bits << 5n) | BigInt(Math.max(0, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(character)));
  const six = bits >> 2n;
  return String((six & 0x7fffffffff80n) >> 7n).padStart(12, "0");
}

const wanted = ["iss", "sub", "azp", "appid", "client_id"];

function claims(part: string): Record<string, string> {
  const parsed = jsonObject(Buffer.from(part, "base64url").toString("utf8"));
  const { exp, aud } = parsed;
  return {
    ...strings(parsed, wanted),
    ...(typeof aud === "string" ? { aud: aud.slice(0, 300) } : {}),
    ...(typeof exp === "number" && exp > 0 && exp < 1e11 ? { expires: new Date(exp * 1000).toISOString() } : {}),
  };
}

function keyFile(text: string): Record<string, string> {
  if (text.length > 65_536) return {};
  return strings(jsonObject(text), ["client_email", "project_id", "private_key_id", "client_id"]);
}

function strings(from: Readonly<Record<string, unknown>>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = from[name];
      return typeof value === "string" && value !== "" ? [[name, value.slice(0, 300)]] : [];
    }),
  );
}

function jsonObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed) ? { ...parsed } : {};
  } catch {
    return {};
  }
}
