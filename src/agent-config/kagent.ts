import type { Client } from "./client.ts";
import { noReferences } from "./slot/grammar.ts";

/** kagent-dev/kagent 5229184: `headersFrom[].value` and `defaultHeaders` are literals, secrets are named by `secretRef` and `valueFrom`. */
export const kagent: Client = {
  id: "kagent",
  agent: "kagent",
  surfaces: [
    {
      paths: ["**/*kagent*/**/*.{yaml,yml}", "**/*kagent*.{yaml,yml}"],
      grammar: noReferences,
      slots: ["", "/*"].flatMap((document) => [
        { at: `${document}/spec/defaultHeaders/*`, as: "header" as const },
        { at: `${document}/spec/headersFrom/*/value`, as: "header" as const, named: "name" },
        { at: `${document}/spec/apiKeySecret`, as: "entry-name" as const },
        { at: `${document}/spec/url`, as: "url" as const },
        { at: `${document}/spec/deployment/env/*/value`, as: "variable" as const, named: "name" },
        { at: `${document}/spec/declarative/deployment/env/*/value`, as: "variable" as const, named: "name" },
      ]),
    },
  ],
};
