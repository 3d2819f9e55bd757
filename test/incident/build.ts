import type { IncidentEvent, Recorded } from "../../src/incident/event.ts";
import { fold, type Incident } from "../../src/incident/fold.ts";

export const opened: Extract<IncidentEvent, { type: "opened" }> = {
  type: "opened",
  credential: { fingerprint: "fp1:test:aaaa", detector: "openrouter-api-key", title: "OpenRouter API key" },
  severity: "high",
  exposedAt: "2026-03-01T10:00:00.000Z",
  preExisting: false,
  repository: "github.com/acme/agents",
};

/** Events with their times, as the log records them. Times are given as `HH:MM` of 2026-03-01 or in full. */
export function recorded(stream: string, ...events: readonly [at: string, event: IncidentEvent][]): Recorded<IncidentEvent>[] {
  return events.map(([at, event], index) => ({
    stream,
    seq: index + 1,
    at: /^\d\d:\d\d$/.test(at) ? `2026-03-01T${at}:00.000Z` : at,
    event,
  }));
}

export function incident(stream: string, ...events: readonly [at: string, event: IncidentEvent][]): Incident {
  return fold(recorded(stream, ...events));
}
