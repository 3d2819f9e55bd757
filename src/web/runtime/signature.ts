import { createHmac, timingSafeEqual } from "node:crypto";
import type { Secret } from "../../secret.ts";

/** A delivery older or newer than this is refused, milliseconds. */
const tolerance = 5 * 60_000;

/**
 * Whether a webhook is signed with this secret after the Standard Webhooks specification (standardwebhooks.com): HMAC-SHA-256 over
 * `id.timestamp.body`, the secret being `whsec_` and base64. Several signatures may stand there while a secret is rotated.
 */
export function isSigned(
  headers: { readonly id: string | undefined; readonly timestamp: string | undefined; readonly signature: string | undefined },
  body: Uint8Array,
  secret: Secret,
  now: number,
): boolean {
  const { id, timestamp, signature } = headers;
  if (id === undefined || timestamp === undefined || signature === undefined) return false;
  if (id === "" || id.length > 300 || !/^\d{1,12}$/.test(timestamp) || signature.length > 2000) return false;
  if (Math.abs(now - Number(timestamp) * 1000) > tolerance) return false;
  const key = Buffer.from(secret.reveal().replace(/^whsec_/, ""), "base64");
  const expected = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest();
  key.fill(0);
  return signature.split(" ").some((one) => {
    const given = one.startsWith("v1,") ? Buffer.from(one.slice(3), "base64") : Buffer.alloc(0);
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}
