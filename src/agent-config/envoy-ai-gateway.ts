import type { Client } from "./client.ts";
import { noReferences } from "./slot/grammar.ts";

/** envoyproxy/ai-gateway c217da8: an MCPRoute's `apiKey` is a `secretRef` or, literally, `inline`. */
export const envoyAiGateway: Client = {
  id: "envoy-ai-gateway",
  agent: "Envoy AI Gateway",
  kind: "model-endpoint",
  surfaces: [
    {
      paths: [
        "**/*{ai-gateway,aigateway,mcproute,mcp-route}*/**/*.{yaml,yml}",
        "**/*{ai-gateway,aigateway,mcproute,mcp-route}*.{yaml,yml}",
      ],
      grammar: noReferences,
      slots: ["", "/*"].map((document) => ({
        at: `${document}/spec/backendRefs/*/securityPolicy/apiKey/inline`,
        as: "value" as const,
        secret: true as const,
      })),
    },
  ],
};
