import { createHmac, timingSafeEqual } from "node:crypto";
import { UsageError } from "../errors.ts";
import { type Fields, fieldsOf } from "./envelope.ts";

/** GitHub's own cap for a payload. */
const maxBytes = 25 << 20;

export interface Ingest {
  /** The current secret and, while it is being rotated, the one before. */
  readonly secrets: readonly string[];
  /** Keeps the envelope and its job in one transaction; false where the delivery is known already. */
  readonly record: (envelope: { guid: string; event: string; fields: Fields }) => Promise<boolean>;
}

/** Throws UsageError for a missing or short secret: with an empty one anybody could forge events. */
export function checkSecrets(secrets: readonly string[]): void {
  if (secrets.length === 0 || secrets.some((secret) => secret.length < 32)) {
    throw new UsageError("expected a webhook secret of at least 32 characters (openssl rand -hex 32); Rekey does not start without one");
  }
}

/** `POST /api/github/webhooks`: verified, reduced to its envelope, stored, answered. Answers never repeat what came. */
export async function ingest(request: Request, { secrets, record }: Ingest): Promise<Response> {
  const body = await bounded(request);
  if (body === undefined) return answer(413, "payload too large");
  if (!secrets.some((secret) => verified(body, request.headers.get("x-hub-signature-256"), secret)))
    return answer(401, "signature missing or wrong");
  const guid = request.headers.get("x-github-delivery") ?? "";
  const event = request.headers.get("x-github-event") ?? "";
  if (!/^[\w-]{8,100}$/.test(guid) || !/^[a-z_]{3,60}$/.test(event))
    return answer(400, "expected the headers X-GitHub-Delivery and X-GitHub-Event");
  const fields = fieldsOf(parsed(body));
  if (fields === undefined) return answer(400, "expected GitHub's JSON payload");
  return answer(202, (await record({ guid, event, fields })) ? "accepted" : "known");
}

async function bounded(request: Request): Promise<Buffer | undefined> {
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) return undefined;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.length;
    if (size > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function verified(body: Buffer, signature: string | null, secret: string): boolean {
  const expected = Buffer.from(`sha256=${createHmac("sha256", secret).update(body).digest("hex")}`);
  const given = Buffer.from(signature ?? "");
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}

function answer(status: number, message: string): Response {
  return Response.json({ message }, { status });
}
