import { expect, test } from "vitest";
import { parseDetectorFile } from "../../src/detector/schema.ts";
import { ConfigError } from "../../src/errors.ts";

const lines = [
  "provider: acme",
  "name: Acme",
  "references: ['https://acme.io/docs']",
  "detectors:",
  "  - id: acme-key",
  "    name: Acme key",
  "    token: 'acme_{alnum:32}'",
  "    confidence: high",
  "    severity: high",
  "    revoke: https://acme.io/keys",
  "    examples: { match: ['K=«acme_{alnum:32}»'], no_match: ['K=acme_{alnum:31}'] }",
];

const call = "method: POST, url: 'https://api.acme.io/graphql', header: 'Authorization: {secret}', alive: 200, dead: 401";

function problem(change: (text: string) => string): string {
  try {
    parseDetectorFile(change(lines.join("\n")), "detectors/acme.yml");
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return "accepted";
}

test("a complete file is read, one template becomes a list, defaults are filled in", () => {
  const [detector] = parseDetectorFile(lines.join("\n"), "acme.yml").detectors;
  expect(detector).toMatchObject({ token: ["acme_{alnum:32}"], boundary: "token", within: 5, checksum: "none", fallback: false, over: [] });
});

test.each<[string, (text: string) => string, RegExp]>([
  ["an unknown key", (text) => text.replace("severity:", "sevrity:"), /acme\.yml:9.*unknown key 'sevrity'/s],
  ["no near miss", (text) => text.replace(", no_match: ['K=acme_{alnum:31}']", ""), /acme\.yml:11.*no_match/s],
  [
    "two rules in one detector",
    (text) => text.replace("    confidence", "    regex: 'a(?P<secret>b)'\n    confidence"),
    /exactly one of token, assign, regex, parts; 'acme-key' has 2/,
  ],
  ["no rule", (text) => text.replace("    token: 'acme_{alnum:32}'\n", ""), /'acme-key' has 0/],
  [
    "high confidence by a name alone",
    (text) => text.replace("token: 'acme_{alnum:32}'", "assign: { names: [acme_key], value: '{alnum:32}' }"),
    /high confidence needs a prefix or a checksum/,
  ],
  [
    "assign without a name or a vendor",
    (text) => text.replace("token: 'acme_{alnum:32}'", "assign: { value: '{alnum:32}' }"),
    /names, vendor, or both/,
  ],
  ["no way to revoke", (text) => text.replace("    revoke: https://acme.io/keys\n", ""), /revoke/],
  [
    "a revocation that is not said",
    (text) => text.replace("revoke: https://acme.io/keys", "revoke: none"),
    /vendor's page \(https:\/\/…\) or 'none: what to do instead'/,
  ],
  [
    "a check that could change something",
    (text) => text.replace("    revoke:", `    check: { ${call}, query: 'mutation { deleteKey }' }\n    revoke:`),
    /expected a query/,
  ],
  ["a check that posts anything else", (text) => text.replace("    revoke:", `    check: { ${call} }\n    revoke:`), /a check reads/],
  ["an identifier with capitals", (text) => text.replace("id: acme-key", "id: AcmeKey"), /acme\.yml:5.*kebab-case/s],
])("%s is refused with its line", (_, change, expected) => {
  expect(problem(change)).toMatch(expected);
});
