import { createHmac } from "node:crypto";
import { pinOf, request } from "../http.ts";
import type { Secret } from "../secret.ts";
import { NotTakenError, type Target } from "./target.ts";

/**
 * A signed webhook after the Standard Webhooks specification (standardwebhooks.com): `webhook-id` is the same each time a message is
 * sent, the signature covers id, time and body. `secret` is `whsec_` and base64.
 */
export function webhookTarget({ name, url, secret }: { name: string; url: string; secret: Secret }): Target {
  return {
    name,
    async send(message) {
      const body = JSON.stringify({
        type: `incident.${message.topic}`,
        timestamp: message.at,
        data: { sentence: message.sentence, incident: message.incident },
      });
      const timestamp = String(Math.floor(Date.now() / 1000));
      const answer = await request({
        method: "POST",
        url,
        headers: {
          "content-type": "application/json",
          "webhook-id": message.id,
          "webhook-timestamp": timestamp,
          "webhook-signature": signature(secret, message.id, timestamp, body),
        },
        body,
        pins: [pinOf(url)],
        timeout: 15_000,
      });
      if (answer.status < 200 || answer.status > 299) throw new NotTakenError(name, answer);
      return undefined;
    },
  };
}

export function signature(secret: Secret, id: string, timestamp: string, body: string): string {
  const key = Buffer.from(secret.reveal().replace(/^whsec_/, ""), "base64");
  return `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`;
}
