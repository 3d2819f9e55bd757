import { type Client, secretsAt } from "./client.ts";
import { noReferences } from "./slot/grammar.ts";

/** An A2A agent card is published, so it should hold no credential: its addresses and an older `authentication` may (a2aproject/A2A 16ba526). */
export const a2a: Client = {
  id: "a2a",
  agent: "A2A agent",
  surfaces: [
    {
      paths: ["**/agent-card.json", "**/.well-known/agent.json"],
      grammar: noReferences,
      slots: [
        ...secretsAt("/authentication/credentials", "/pushNotificationConfig/token", "/pushNotificationConfig/authentication/credentials"),
        ...["/url", "/provider/url", "/supportedInterfaces/*/url", "/additionalInterfaces/*/url", "/pushNotificationConfig/url"].map(
          (at) => ({
            at,
            as: "url" as const,
          }),
        ),
      ],
    },
  ],
};
