import fc from "fast-check";
import { expect, test } from "vitest";
import type { Finding } from "../../src/finding.ts";
import { agentsInTrailers } from "../../src/identity/agent-names.ts";
import { buildGraph, type GraphInput, linksFor, type SourceFile } from "../../src/identity/graph.ts";
import { assignedName } from "../../src/identity/variable.ts";
import { awsAccount, selfDescription } from "../../src/scan/self-description.ts";
import { findingAt, openRouterKey } from "./finding.ts";

const input = (files: SourceFile[], findings: Finding[] = []): GraphInput => ({ scope: "h/o/r", files, findings, storeMatches: [] });
const file = (path: string, text: string): SourceFile => ({ path, text });

/** Edges of one technique, one line each. */
function edges(graphInput: GraphInput, method: string): string[] {
  const graph = buildGraph(graphInput);
  return graph.edges.filter((edge) => edge.method === method).map(({ from, relation, to, grade }) => `${from} ${relation} ${to} ${grade}`);
}

test.each<[string, SourceFile[], string[]]>([
  [
    "a workflow uses the secrets of its jobs, also under another name",
    [
      file(
        ".github/workflows/ci.yml",
        `on: push\njobs:\n  build:\n    steps:\n      - env:\n          API_KEY: \${{ secrets.PROD_KEY }}\n          T: \${{ secrets.GITHUB_TOKEN }}\n  other:\n    steps: [{ run: 'x \${{ secrets.B }}' }]\n`,
      ),
    ],
    [
      "store-entry:github-actions/h/o/r#B used_by ci-job:h/o/r#.github/workflows/ci.yml#other strong",
      "store-entry:github-actions/h/o/r#PROD_KEY used_by ci-job:h/o/r#.github/workflows/ci.yml#build strong",
      "variable:h/o/r#API_KEY stored_in store-entry:github-actions/h/o/r#PROD_KEY strong",
      "variable:h/o/r#API_KEY used_by ci-job:h/o/r#.github/workflows/ci.yml#build moderate",
      "variable:h/o/r#B stored_in store-entry:github-actions/h/o/r#B strong",
      "variable:h/o/r#B used_by ci-job:h/o/r#.github/workflows/ci.yml#other moderate",
      "variable:h/o/r#PROD_KEY stored_in store-entry:github-actions/h/o/r#PROD_KEY strong",
      "variable:h/o/r#PROD_KEY used_by ci-job:h/o/r#.github/workflows/ci.yml#build moderate",
    ],
  ],
  [
    "a program is the folder of its manifest",
    [
      file("svc/bot/package.json", "{}"),
      file("svc/bot/src/a.ts", "const k = process.env.A_KEY; process.env['B_KEY']; process.env.NODE_ENV"),
      file("job.py", 'os.environ["C_KEY"], os.getenv("D_KEY"), os.environ.get("E_KEY")'),
    ],
    [
      "variable:h/o/r#A_KEY used_by workload:h/o/r#svc/bot/package.json#bot moderate",
      "variable:h/o/r#B_KEY used_by workload:h/o/r#svc/bot/package.json#bot moderate",
      "variable:h/o/r#C_KEY used_by workload:h/o/r#job.py#job.py moderate",
      "variable:h/o/r#D_KEY used_by workload:h/o/r#job.py#job.py moderate",
      "variable:h/o/r#E_KEY used_by workload:h/o/r#job.py#job.py moderate",
    ],
  ],
  [
    "services of Compose",
    [
      file(
        "docker-compose.yml",
        `services:\n  api:\n    environment:\n      - A_KEY\n      - B_KEY=\${OUTER}\n  web:\n    environment: { C_KEY: x }\n`,
      ),
    ],
    [
      "variable:h/o/r#A_KEY used_by workload:h/o/r#docker-compose.yml#api moderate",
      "variable:h/o/r#B_KEY used_by workload:h/o/r#docker-compose.yml#api moderate",
      "variable:h/o/r#C_KEY used_by workload:h/o/r#docker-compose.yml#web moderate",
      "variable:h/o/r#OUTER used_by workload:h/o/r#docker-compose.yml#api moderate",
    ],
  ],
  [
    "a Kubernetes secret leads through External Secrets to its store entry",
    [
      file(
        "deploy/app.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: app }\nspec:\n  template:\n    spec:\n      containers:\n        - name: c\n          env:\n            - name: A_KEY\n              valueFrom: { secretKeyRef: { name: app-secret, key: a } }\n            - name: B_KEY\n              valueFrom: { secretKeyRef: { name: other, key: b } }\n---\napiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: { name: app-secret }\nspec:\n  secretStoreRef: { name: vault }\n  data:\n    - secretKey: a\n      remoteRef: { key: secret/app, property: A }\n",
      ),
    ],
    [
      "store-entry:kubernetes/default/other#b used_by workload:h/o/r#deploy/app.yaml#Deployment/app strong",
      "store-entry:vault/secret/app#A used_by workload:h/o/r#deploy/app.yaml#Deployment/app strong",
      "variable:h/o/r#A_KEY stored_in store-entry:vault/secret/app#A strong",
      "variable:h/o/r#A_KEY used_by workload:h/o/r#deploy/app.yaml#Deployment/app moderate",
      "variable:h/o/r#B_KEY stored_in store-entry:kubernetes/default/other#b strong",
      "variable:h/o/r#B_KEY used_by workload:h/o/r#deploy/app.yaml#Deployment/app moderate",
    ],
  ],
  [
    "an image",
    [file("svc/Dockerfile", "FROM x\nARG A_KEY\nENV B_KEY=1\n")],
    [
      "variable:h/o/r#A_KEY used_by workload:h/o/r#svc/Dockerfile#svc moderate",
      "variable:h/o/r#B_KEY used_by workload:h/o/r#svc/Dockerfile#svc moderate",
    ],
  ],
  [
    "a Terraform resource and the secret that it names",
    [
      file(
        "main.tf",
        'data "aws_secretsmanager_secret_version" "k" {\n  secret_id = "prod/key"\n}\nresource "aws_lambda_function" "bot" {\n  environment {\n    variables = {\n      A_KEY = data.aws_secretsmanager_secret_version.k.secret_string\n      B_KEY = var.b\n    }\n  }\n}\n',
      ),
    ],
    [
      "store-entry:aws-secrets-manager/prod/key# used_by workload:h/o/r#main.tf#aws_lambda_function.bot strong",
      "variable:h/o/r#A_KEY stored_in store-entry:aws-secrets-manager/prod/key# strong",
      "variable:h/o/r#A_KEY used_by workload:h/o/r#main.tf#aws_lambda_function.bot moderate",
      "variable:h/o/r#B_KEY used_by workload:h/o/r#main.tf#aws_lambda_function.bot moderate",
    ],
  ],
  [
    "a manifest of something else",
    [file("x.yaml", "kind: notes\n"), file("notes.md", "process.env.A_KEY"), file("node_modules/a.js", "process.env.A_KEY")],
    [],
  ],
])("environment references: %s", (_name, files, expected) => {
  expect(edges(input(files), "environment-reference")).toEqual(expected);
});

test("a key in .env belongs, by the variable's name, to who reads it", () => {
  const key = openRouterKey();
  const text = `# local\nexport OPENROUTER_API_KEY="${key}"\n`;
  const finding = findingAt(".env", text, key);
  const files = [file(".env", text), file("bot.py", 'os.environ["OPENROUTER_API_KEY"]'), file(".github/CODEOWNERS", "*.py @acme/bots\n")];
  const { identities, evidence } = linksFor(finding, buildGraph(input(files, [finding])));
  expect(identities).toEqual([
    { id: "workload:h/o/r#bot.py#bot.py", kind: "workload", name: "bot.py", relation: "used_by", grade: "moderate", owner: "@acme/bots" },
  ]);
  expect(evidence.map(({ text: said }) => said)).toEqual([
    "The value is assigned to OPENROUTER_API_KEY.",
    "workload bot.py reads OPENROUTER_API_KEY.",
  ]);
});

test.each([
  ["export A_KEY=", "A_KEY"],
  ['  "A_KEY": "', "A_KEY"],
  ["A_KEY = '", "A_KEY"],
  ["os.environ['A_KEY'] = '", "A_KEY"],
  ["A_KEY: ", "A_KEY"],
  ["const key = '", undefined],
  ["A_KEY is ", undefined],
  ["xA_KEY=", undefined],
])("%s assigns %s", (before, name) => {
  expect(assignedName(before)).toBe(name);
});

test("what the credential says of itself names who it is", () => {
  const value = openRouterKey();
  const at = (attributes: Record<string, string>, more: Partial<Finding> = {}) =>
    findingAt("a.txt", `x ${value}`, value, { attributes, ...more });
  const links = (finding: Finding) =>
    linksFor(finding, buildGraph(input([], [finding]))).identities.map(({ id, relation, grade }) => `${id} ${relation} ${grade}`);
  expect(links(at({ client_email: "bot@p.iam.gserviceaccount.com" }))).toEqual([
    "service-account:bot@p.iam.gserviceaccount.com authenticates_as weak",
  ]);
  expect(links(at({ iss: "https://i", sub: "system:serviceaccount:ns:bot" }))).toEqual([
    "service-account:https://i#system:serviceaccount:ns:bot authenticates_as strong",
  ]);
  expect(links(at({ sub: "repo:o/r:ref:refs/heads/main" }))).toEqual(["ci-job:repo:o/r:ref:refs/heads/main authenticates_as strong"]);
  expect(links(at({ user: "app", host: "db", port: "5432", database: "d" }))).toEqual([
    "service-account:app@db:5432 authenticates_as weak",
  ]);
  expect(links(at({ key_id: "id", account_id: "000000000001" }))).toEqual(["service-account:aws:000000000001:id authenticates_as weak"]);
  // A name beside the value counts once the vendor has accepted the two.
  expect(links(at({ user: "app", host: "db" }, { validity: "active" }))).toEqual(["service-account:app@db authenticates_as strong"]);
  expect(links(at({ host: "db" }))).toEqual([]);
  // The kind that a detector gives is not an identity.
  expect(links(at({}, { identity: "model-api-key" }))).toEqual([]);
});

test("claims, key files and AWS key ids are decoded without a network", () => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const token = [part({ alg: "none" }), part({ iss: "https://i", sub: "s", exp: 1_700_000_000, aud: "a", secret: "no" }), "sig"].join(".");
  expect(selfDescription(token)).toEqual({ iss: "https://i", sub: "s", aud: "a", expires: "2023-11-14T22:13:20.000Z" });
  expect(selfDescription(JSON.stringify({ client_email: "e", project_id: "p", private_key: "no" }))).toEqual({
    client_email: "e",
    project_id: "p",
  });
  // The public sample of identity.md 3.3, of which only ten characters count.
  expect(awsAccount(`AKIA${"QNZGKIQY56"}`)).toBe("029608264753");
  expect(selfDescription("the secret part", `AKIA${"QNZGKIQY56"}ABCDEF`)).toEqual({ account_id: "029608264753" });
  for (const junk of ["", "{", "eyJhbGciOiJ9.eyJxxxxx.sig", "plain", "AKIA"]) expect(selfDescription(junk)).toEqual({});
});

test("a value in a transcript was exposed by that session", () => {
  const value = openRouterKey();
  const lines = [
    {
      type: "assistant",
      sessionId: "s1",
      message: { role: "assistant", content: [{ type: "tool_use", id: "t", name: "Bash", input: { command: "env" } }] },
    },
    {
      type: "user",
      sessionId: "s1",
      message: { role: "user", content: [{ type: "tool_result", tool_use_id: "t", content: `K=${value}` }] },
    },
  ];
  const text = lines.map((line) => JSON.stringify(line)).join("\n");
  const path = ".claude/projects/p/s.jsonl";
  const finding = findingAt(path, text, value);
  expect(linksFor(finding, buildGraph(input([file(path, text)], [finding])))).toEqual({
    identities: [
      {
        id: "agent-instance:claude-code:s1",
        kind: "agent-instance",
        name: "claude-code session s1",
        relation: "exposed_by",
        grade: "strong",
      },
    ],
    evidence: [
      {
        method: "session",
        grade: "strong",
        text: "A tool Bash returned the value in turn 1 of session s1: the agent read it somewhere.",
        path,
        line: 2,
      },
    ],
  });
});

test("a store address in a slot, and a server's address", () => {
  const text = JSON.stringify({ mcpServers: { s: { url: "https://h.example/x", headers: { K: "op://team/mcp/key" } } } });
  expect(edges(input([file(".cursor/mcp.json", text)]), "config-slot")).toEqual([
    "mcp-server:h/o/r#.cursor/mcp.json#s can_access resource:https://h.example strong",
    "mcp-server:h/o/r#.cursor/mcp.json#s used_by agent:h/o/r#.cursor/mcp.json#Cursor strong",
    "store-entry:op/team/mcp/key# used_by mcp-server:h/o/r#.cursor/mcp.json#s strong",
  ]);
});

test("somebody else's reference leads nowhere", () => {
  const text = JSON.stringify({ mcpServers: { s: { command: "x", env: { K: "$TOKEN" } } } });
  expect(buildGraph(input([file(".mcp.json", text)])).nodes).toEqual([]);
});

test("a positional argument is the server's too", () => {
  const value = openRouterKey();
  const text = JSON.stringify({ mcpServers: { s: { command: "npx", args: ["server", value] }, t: { command: "x" } } });
  const finding = findingAt(".mcp.json", text, value);
  expect(
    linksFor(finding, buildGraph(input([file(".mcp.json", text)], [finding]))).identities.map(({ name, grade }) => [name, grade]),
  ).toEqual([
    ["s", "strong"],
    ["Claude Code", "strong"],
  ]);
});

test("the catalog names an owner where CODEOWNERS does not", () => {
  const mcp = JSON.stringify({ mcpServers: { s: { command: "x" } } });
  const files = [
    file("a/.mcp.json", mcp),
    file("b/.mcp.json", mcp),
    file("catalog-info.yaml", "kind: Component\nspec:\n  owner: group:default/platform\n"),
    file("b/catalog-info.yaml", "spec: { owner: team-b }\n"),
    file("CODEOWNERS", "/b/ @acme/b\n"),
  ];
  const owners = buildGraph(input(files)).identities.map(({ kind, locations, owner }) => `${kind} ${locations[0]?.path} ${owner}`);
  expect(owners).toEqual([
    "agent a/.mcp.json group:default/platform",
    "agent b/.mcp.json @acme/b",
    "mcp-server a/.mcp.json group:default/platform",
    "mcp-server b/.mcp.json @acme/b",
  ]);
});

test("an agent that committed the value exposed it; a person is no identity", () => {
  const value = openRouterKey();
  const by = (name: string, email: string) => {
    const finding = findingAt("a.txt", value, value);
    const located = { ...finding, location: { ...finding.location, commit: "0123456789abcdef", author: { name, email } } };
    return linksFor(located, buildGraph(input([], [located]))).identities.map(({ id, relation, grade }) => `${id} ${relation} ${grade}`);
  };
  expect(by("copilot-swe-agent[bot]", "198982749+Copilot@users.noreply.github.com")).toEqual([
    "agent:commit-author#Copilot coding agent exposed_by moderate",
  ]);
  expect(by("Mara", "mara@example.com")).toEqual([]);
});

test.each<[string, string[]]>([
  ["Fix it\n\nCo-authored-by: Claude <noreply@anthropic.com>\nCo-Authored-By: Claude <noreply@anthropic.com>\n", ["Claude Code"]],
  ["Fix it\n\nCo-authored-by: Copilot <198982749+Copilot@users.noreply.github.com>\n", ["Copilot coding agent"]],
  ["Fix it\n\nCo-authored-by: Mara <mara@example.com>\n", []],
  ["Write to noreply@anthropic.com\n", []],
  ["Fix\n\nCo-authored-by: Claudette <claudette@example.com>\n", []],
])("the agents in the trailers of %j", (message, expected) => {
  expect(agentsInTrailers(message)).toEqual(expected);
});

test("an agent in a trailer had a part in the leak", () => {
  const value = openRouterKey();
  const finding = findingAt("a.txt", value, value);
  const author = { name: "Mara", email: "mara@example.com" };
  const located = { ...finding, location: { ...finding.location, commit: "0123456789abcdef", author, agents: ["Claude Code"] } };
  const { identities, evidence } = linksFor(located, buildGraph(input([], [located])));
  expect(identities.map(({ name, relation, grade }) => `${name} ${relation} ${grade}`)).toEqual(["Claude Code exposed_by moderate"]);
  expect(evidence.map(({ text }) => text)).toEqual(["A trailer of commit 0123456789ab says that Claude Code had a part in it."]);
});

test("no text of a file makes the graph throw, and its edges stay inside it", () => {
  const paths = [
    ".mcp.json",
    ".github/workflows/a.yml",
    "compose.yaml",
    "Dockerfile",
    ".env",
    "main.tf",
    "k8s.yaml",
    "a.py",
    "CODEOWNERS",
    "catalog-info.yaml",
    ".rekey/identities.yml",
    "s.jsonl",
  ];
  const word = fc.constantFrom(
    "jobs:",
    "services:\n",
    "environment:",
    "- ",
    "  ",
    "\n",
    "kind: X\n",
    "apiVersion: v1\n",
    "spec:",
    `\${{ secrets.A_B }}`,
    "process.env.A_B",
    "ENV A_B",
    "A_B=1",
    "* @o",
    '{"mcpServers":{"',
    '"}',
    "version: 1\nidentities:\n",
    "owner: x\n",
    '{"sessionId":"s"}',
  );
  const text = fc.array(fc.oneof(word, fc.string({ unit: "binary", maxLength: 8 })), { maxLength: 12 }).map((parts) => parts.join(""));
  const files = fc.uniqueArray(fc.record({ path: fc.constantFrom(...paths), text }), { selector: ({ path }) => path, maxLength: 6 });
  fc.assert(
    fc.property(files, (all) => {
      const graph = buildGraph(
        input(
          all,
          all.flatMap((one) => (one.text.includes("A_B") ? [findingAt(one.path, one.text, "A_B")] : [])),
        ),
      );
      const known = new Set([...graph.identities, ...graph.nodes].map(({ id }) => id));
      expect(graph.edges.filter(({ from, to }) => !known.has(from) || !known.has(to))).toEqual([]);
    }),
    { numRuns: 500 },
  );
});

test.each<[string, string, string]>([
  ["blank lines", "k8s.yaml", "\n".repeat(1 << 20)],
  ["capitals", ".github/workflows/a.yml", `jobs:\n  a:\n    x: ${"A".repeat(500_000)}`],
  ["open expressions", ".github/workflows/a.yml", `jobs:\n  a:\n    x: '${"${{ ".repeat(100_000)}'`],
  ["names", "a.py", "os.environ[".repeat(90_000)],
  [
    "servers",
    ".mcp.json",
    JSON.stringify({
      mcpServers: Object.fromEntries(Array.from({ length: 6000 }, (_, index) => [`s${index}`, { command: "x", env: { K: "v" } }])),
    }),
  ],
  [
    "placeholders",
    ".mcp.json",
    JSON.stringify({
      mcpServers: { s: { env: Object.fromEntries(Array.from({ length: 4000 }, (_, index) => [`K${index}`, `your${"a".repeat(70)}1`])) } },
    }),
  ],
  [
    "a long command line",
    ".mcp.json",
    JSON.stringify({ mcpServers: { s: { command: "x", args: Array.from({ length: 40 }, () => "AB=c ".repeat(12_000)) } } }),
  ],
])(
  "%s made to hurt are read within bounds",
  (_name, path, text) => {
    expect(buildGraph(input([file(path, text)])).edges.length).toBeLessThan(20_000);
  },
  8000,
);
