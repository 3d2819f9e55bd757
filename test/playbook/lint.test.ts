import { expect, test } from "vitest";
import { loadPlaybooks } from "../../src/config/playbooks.ts";
import { parsePlaybook } from "../../src/playbook/schema.ts";
import { drivers } from "../../src/provider/index.ts";

const manifests = drivers.map(({ manifest }) => manifest);

const head = (more = "") => `name: x
version: 1
match: { credential: [openrouter-api-key] }
policy: { modes: [graceful] }
${more}steps:
`;
const good = [
  `  - { id: recover, uses: credential/recover@1, title: "Read the leaked value" }`,
  `  - { id: mint, uses: openrouter/issue@1, title: "Make a key" }`,
  `  - { id: try-new, uses: openrouter/probe@1, title: "Test it", with: { key: "\${{ steps.mint.secret }}", expect: alive } }`,
  `  - { id: promote, uses: sinks/promote@1, title: "Promote" }`,
  `  - { id: consumers, uses: consumers/converged@1, title: "Wait", with: { timeout: 10m } }`,
  `  - { id: revoke, uses: openrouter/revoke@1, title: "Delete the old key" }`,
  `  - { id: dead, uses: proof/dead@1, title: "Prove it", with: { key: "\${{ steps.recover.secret }}", control: "\${{ steps.mint.secret }}", times: 4, over: 30s } }`,
];
const playbook = (steps: readonly string[], more?: string) => `${head(more)}${steps.join("\n")}\n`;
const changed = (id: string, line: string) => good.map((step) => (step.includes(`id: ${id},`) ? line : step));
const parse = (text: string) => parsePlaybook(text, "x.yml", manifests);

test("a playbook that uses every field is accepted", () => {
  expect(parse(playbook(good)).steps).toHaveLength(7);
});

test("every built-in playbook names drivers and verbs that exist", () => {
  expect(loadPlaybooks(undefined, manifests).length).toBeGreaterThan(0);
});

test.each([
  [
    "a cycle",
    changed("try-new", `  - { id: try-new, uses: openrouter/probe@1, title: "a \${{ steps.dead.outputs }}" }`).map((step) =>
      step.includes("id: dead,") ? `  - { id: dead, uses: proof/dead@1, title: "b \${{ steps.try-new.outputs }}" }` : step,
    ),
    "x.yml:8: step 'try-new': needs itself: try-new → dead → try-new",
  ],
  [
    "a step that needs a later one",
    changed("try-new", `  - { id: try-new, uses: openrouter/probe@1, title: "a", with: { key: "\${{ steps.promote.secret }}" } }`),
    "x.yml:8: step 'try-new': needs 'promote', which comes after it",
  ],
  [
    "an unknown driver",
    changed("mint", `  - { id: mint, uses: openruter/issue@1, title: "Make a key" }`),
    "x.yml:7: step 'mint': there is no driver 'openruter'; expected one of",
  ],
  [
    "a verb that the driver lacks",
    changed("mint", `  - { id: mint, uses: github/issue@1, title: "Make a key" }`),
    "x.yml:7: step 'mint': the driver 'github' cannot issue",
  ],
  [
    "an unknown step",
    changed("promote", `  - { id: promote, uses: sinks/publish@1, title: "Promote" }`),
    "x.yml:9: step 'promote': 'sinks/publish@1' is unknown; expected <driver>/",
  ],
  [
    "a secret in a title, which is logged",
    changed("mint", `  - { id: mint, uses: openrouter/issue@1, title: "Replace \${{ steps.recover.secret }}" }`),
    "x.yml:7: step 'mint': title: a secret may not stand here, since it would be shown or logged",
  ],
  [
    "a secret in a page's address",
    changed(
      "revoke",
      `  - { id: revoke, uses: manual@1, title: "By hand", with: { page: "https://x.test/\${{ steps.recover.secret }}" } }`,
    ),
    "x.yml:11: step 'revoke': with.page: a secret may not stand here",
  ],
  [
    "a secret in a condition",
    changed("mint", `  - { id: mint, uses: openrouter/issue@1, title: "Make", if: "\${{ steps.recover.secret == 'a' }}" }`),
    "x.yml:7: step 'mint': if: a secret may not stand here",
  ],
  [
    "a value where a secret's handle is expected",
    changed("try-new", `  - { id: try-new, uses: openrouter/probe@1, title: "Test", with: { key: "abc" } }`),
    `x.yml:8: step 'try-new': with.key: expected \${{ steps.ID.secret }}`,
  ],
  [
    "the secret of a step that makes none",
    changed("dead", `  - { id: dead, uses: proof/dead@1, title: "b", with: { key: "\${{ steps.try-new.secret }}" } }`),
    `with.key: expected \${{ steps.ID.secret }} of a step that recovers, issues or rolls`,
  ],
  [
    "an input that nobody declares",
    changed("mint", `  - { id: mint, uses: openrouter/issue@1, title: "Make", if: "\${{ inputs.project == 'a' }}" }`),
    "x.yml:7: step 'mint': if: 'inputs.project' is not declared in inputs",
  ],
  [
    "a field that the step does not take",
    changed("promote", `  - { id: promote, uses: sinks/promote@1, title: "Promote", with: { path: a } }`),
    "x.yml:9: step 'promote': with.path: 'sinks/promote@1' takes nothing",
  ],
  [
    "two probes as a proof",
    changed("dead", `  - { id: dead, uses: proof/dead@1, title: "b", with: { times: 2 } }`),
    "with.times: expected a number from 3 to 20",
  ],
  [
    "a manual step without its page",
    changed("revoke", `  - { id: revoke, uses: manual@1, title: "By hand" }`),
    "x.yml:11: step 'revoke': a manual step names the exact page",
  ],
  [
    "revoking before the consumers",
    good.filter((step) => !step.includes("id: consumers")),
    "x.yml:10: step 'revoke': revokes before the consumers are known",
  ],
])("%s is refused with its place", (_name, steps, message) => {
  expect(() => parse(playbook(steps))).toThrow(message);
});

test.each([
  [
    `policy: { modes: [graceful], escalate: { when: "\${{ public }}", to: contain-first } }`,
    "escalate.to 'contain-first' is not one of its modes",
  ],
  [`policy: { modes: [graceful, contain-first], escalate: { when: "\${{ weather }}", to: contain-first } }`, "unknown name 'weather'"],
  ["policy: { modes: [graceful], lock: none }", "unknown key 'lock'"],
])("%s is refused", (policy, message) => {
  expect(() => parse(playbook(good).replace("policy: { modes: [graceful] }", policy))).toThrow(message);
});

test("an input comes from a public fact only", () => {
  expect(() => parse(playbook(good, "inputs: { key: { from: steps.recover.secret } }\n"))).toThrow("expected attributes.NAME");
});
