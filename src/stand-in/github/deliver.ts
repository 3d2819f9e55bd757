import { createHmac, randomUUID } from "node:crypto";
import type { Delivery, State } from "./state.ts";

/** How webhooks go wrong on purpose: each function sees a delivery and says how often to send it and when. */
export interface Weather {
  /** 0 = dropped, 1 = as usual, 2 = duplicated. */
  copies?(delivery: Delivery): number;
  /** Milliseconds before it is sent. */
  delay?(delivery: Delivery): number;
}

/** Sends a signed webhook to the App and keeps it for redelivery; failures are noted, never repeated by itself (GitHub does not retry). */
export function deliver(state: State, event: string, payload: Record<string, unknown>, weather: Weather = {}): Delivery {
  const delivery: Delivery = {
    id: state.id(),
    guid: randomUUID(),
    event,
    action: typeof payload["action"] === "string" ? payload["action"] : null,
    body: JSON.stringify(payload),
    deliveredAt: new Date().toISOString(),
    statusCode: 0,
  };
  state.deliveries.push(delivery);
  // a delivery that was dropped looks to GitHub like a host that did not answer
  const copies = weather.copies?.(delivery) ?? 1;
  if (copies === 0) delivery.statusCode = 502;
  for (let copy = 0; copy < copies; copy++) setTimeout(() => void send(state, delivery), weather.delay?.(delivery) ?? 0);
  return delivery;
}

export async function send(state: State, delivery: Delivery): Promise<void> {
  const { app } = state;
  if (app === undefined) return;
  const start = performance.now();
  const signature = createHmac("sha256", app.webhookSecret).update(delivery.body).digest("hex");
  try {
    const response = await fetch(app.webhookUrl, {
      method: "POST",
      redirect: "error",
      headers: {
        "content-type": "application/json",
        "user-agent": "GitHub-Hookshot/stand-in",
        "x-github-event": delivery.event,
        "x-github-delivery": delivery.guid,
        "x-hub-signature-256": `sha256=${signature}`,
      },
      body: delivery.body,
    });
    delivery.statusCode = response.status;
  } catch {
    delivery.statusCode = 502;
  }
  delivery.duration = (performance.now() - start) / 1000;
}
