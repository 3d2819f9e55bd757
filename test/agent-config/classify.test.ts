import { expect, test } from "vitest";
import { classify, classifyName } from "../../src/agent-config/slot/classify.ts";
import {
  bareEnv,
  bareFile,
  dollar,
  dollarBraces,
  dollarDefault,
  editorVariables,
  envBraces,
  envDefault,
  type Grammar,
  inputBraces,
  noReferences,
  osEnviron,
  percent,
  userConfig,
} from "../../src/agent-config/slot/grammar.ts";
import type { SlotKind } from "../../src/finding.ts";

const grammars = {
  claude: [dollarBraces, dollarDefault, userConfig],
  cursor: [envBraces, editorVariables],
  vsCode: [inputBraces, envBraces, editorVariables],
  gemini: [dollar, dollarBraces, dollarDefault, percent],
  codex: noReferences,
  openCode: [bareEnv, bareFile],
  liteLlm: [osEnviron],
  prompty: [envBraces, envDefault],
} satisfies Record<string, Grammar>;

/** The same text is a reference to one client and a literal to another (identity.md 1.1). `residue` is the part that is literal. */
const cases: [client: keyof typeof grammars, value: string, kind: SlotKind, residue?: string | undefined, reference?: string][] = [
  // Passwords that look like shell variables are literal for everybody.
  ["claude", "pa$$w0rd", "literal", "pa$$w0rd"],
  ["cursor", "pa$$w0rd", "literal", "pa$$w0rd"],
  ["gemini", "pa$$w0rd", "literal", "pa$$w0rd"],
  ["codex", "pa$$w0rd", "literal", "pa$$w0rd"],
  ["claude", "s3cr$tValue", "literal", "s3cr$tValue"],
  ["gemini", "s3cr$tValue", "literal", "s3cr$tValue"],
  ["gemini", "s3cr$TVALUE", "literal", "s3cr$TVALUE"],
  ["claude", "$2b$12$abcdefghijklmnopqrstuu", "literal", "$2b$12$abcdefghijklmnopqrstuu"],
  ["gemini", "$2b$12$abcdefghijklmnopqrstuu", "literal", "$2b$12$abcdefghijklmnopqrstuu"],
  ["codex", "$2b$12$abcdefghijklmnopqrstuu", "literal", "$2b$12$abcdefghijklmnopqrstuu"],

  // Only Gemini expands the bare form.
  ["gemini", "$TOKEN", "reference", undefined, "TOKEN"],
  ["claude", "$TOKEN", "dead_reference", undefined, "TOKEN"],
  ["cursor", "$TOKEN", "dead_reference", undefined, "TOKEN"],
  ["codex", "$TOKEN", "dead_reference", undefined, "TOKEN"],
  ["gemini", "%TOKEN%", "reference", undefined, "TOKEN"],
  ["claude", "%TOKEN%", "dead_reference", undefined, "TOKEN"],

  ["claude", `\${TOKEN}`, "reference", undefined, "TOKEN"],
  ["gemini", `\${TOKEN}`, "reference", undefined, "TOKEN"],
  ["cursor", `\${TOKEN}`, "dead_reference", undefined, "TOKEN"],
  ["codex", `\${TOKEN}`, "dead_reference", undefined, "TOKEN"],
  ["cursor", `\${env:TOKEN}`, "reference", undefined, "TOKEN"],
  ["vsCode", `\${env:TOKEN}`, "reference", undefined, "TOKEN"],
  ["claude", `\${env:TOKEN}`, "dead_reference", undefined, "TOKEN"],
  ["vsCode", `\${input:api-key}`, "reference", undefined, "input:api-key"],
  ["cursor", `\${input:api-key}`, "dead_reference", undefined, "input:api-key"],
  ["claude", `\${user_config.api_key}`, "reference", undefined, "user_config:api_key"],
  ["openCode", "{env:TOKEN}", "reference", undefined, "TOKEN"],
  ["openCode", "{file:~/.key}", "reference", undefined, "file:~/.key"],
  ["claude", "{env:TOKEN}", "dead_reference", undefined, "TOKEN"],
  ["liteLlm", "os.environ/TOKEN", "reference", undefined, "TOKEN"],
  ["claude", "os.environ/TOKEN", "dead_reference", undefined, "TOKEN"],
  ["claude", `\${{ secrets.TOKEN }}`, "dead_reference", undefined, "TOKEN"],
  ["claude", "={{ $env.TOKEN }}", "dead_reference", undefined, "TOKEN"],

  // A default is a literal, whoever expands it; a default that only stands for one is none.
  ["claude", `\${KEY:-l1ve-v4lue}`, "default_literal", "l1ve-v4lue", "KEY"],
  ["cursor", `\${KEY:-l1ve-v4lue}`, "default_literal", "l1ve-v4lue", "KEY"],
  ["codex", `\${KEY:-l1ve-v4lue}`, "default_literal", "l1ve-v4lue", "KEY"],
  ["prompty", `\${env:KEY:l1ve-v4lue}`, "default_literal", "l1ve-v4lue", "KEY"],
  ["claude", `Bearer \${KEY:-l1ve-v4lue}`, "default_literal", "l1ve-v4lue", "KEY"],
  ["claude", `\${KEY:-}`, "reference", undefined, "KEY"],
  ["claude", `\${KEY:-YOUR_API_KEY}`, "reference", undefined, "KEY"],

  // An authentication scheme is no part of the secret.
  ["claude", "Bearer abc123def", "literal", "abc123def"],
  ["claude", "Authorization: Basic dXNlcjpw", "literal", "dXNlcjpw"],
  ["claude", "token  abc123def ", "literal", "abc123def"],
  ["claude", `Bearer \${TOKEN}`, "reference", undefined, "TOKEN"],
  ["claude", "Bearer $TOKEN", "dead_reference", undefined, "TOKEN"],

  // Part reference, part literal.
  ["claude", `abc123-\${SUFFIX}`, "mixed", "abc123-", "SUFFIX"],
  ["claude", `a1\${X}b2`, "mixed", `a1\${X}b2`, "X"],
  ["cursor", `\${workspaceFolder}/.key`, "mixed", "/.key"],
  ["claude", `\${A}:\${B}`, "reference", undefined, "A"],

  // Addresses in a store are valid anywhere.
  ...(
    [
      "op://vault/item/field",
      "vault://secret/agents#KEY",
      "vault:secret/data/agents#KEY",
      "ref+awssecrets://name/key",
      "arn:aws:secretsmanager:eu-west-1:000000000000:secret:name-AbCdEf",
      "arn:aws:ssm:eu-west-1:000000000000:parameter/name",
      "{{resolve:secretsmanager:name:SecretString:key}}",
      "projects/p/secrets/s/versions/latest",
      "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/s)",
    ] as const
  ).map((uri): [keyof typeof grammars, string, SlotKind] => ["codex", uri, "reference"]),
  ["codex", "vault://user:p4ssw0rd@host/path", "literal", "vault://user:p4ssw0rd@host/path"],
  ["codex", "op://only-two", "literal", "op://only-two"],

  // Placeholders hold no characters that could be random.
  ...[
    "YOUR_API_KEY",
    "<token>",
    "<your api key>",
    "xxx",
    "sk-xxxxxxxx",
    "sk-...",
    "changeme",
    "",
    "  ",
    "your-api-key-here",
    "sk-ant-your-key-here",
    "[insert key]",
    "****",
    "TODO",
  ].map((text): [keyof typeof grammars, string, SlotKind] => ["claude", text, "placeholder"]),
  ...["yourk3y9f8a7", "<a1b2c3>", "sk-your-9f8a7b", "hunter2", "example-9f8a7b6c", "xxx9f8a7b6c"].map(
    (text): [keyof typeof grammars, string, SlotKind, string] => ["claude", text, "literal", text],
  ),
];

test.each(cases)("%s reads %s as %s", (client, value, kind, residue, reference) => {
  const reading = classify(value, grammars[client]);
  expect(reading.kind).toBe(kind);
  if (residue !== undefined) expect(value.slice(reading.start, reading.end)).toBe(residue);
  if (reference !== undefined) expect(reading.reference).toBe(reference);
});

test("a name that cannot be one stays a name, without a variable", () => {
  expect(classifyName("OPENAI_API_KEY")).toEqual({
    kind: "names_only",
    variable: "OPENAI_API_KEY",
    reference: "OPENAI_API_KEY",
    start: 0,
    end: 14,
  });
  expect(classifyName("sk-9f8a7b6c5d")).toEqual({ kind: "names_only", start: 0, end: 13 });
});
