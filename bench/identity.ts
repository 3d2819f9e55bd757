/**
 * `node bench/identity.ts`: what the identity graph costs as an organisation grows. Repositories of MCP servers and services are made
 * in memory, four sizes, the last beyond 10,000 identities and 100,000 edges; printed are sizes, seconds and growth from one to the next.
 */
import { cpus } from "node:os";
import { buildGraph, type SourceFile } from "../src/identity/graph.ts";
import { mermaid } from "../src/identity/mermaid.ts";
import { explainText } from "../src/identity/text.ts";

/** A folder: one agent configuration with ten servers, and a program that reads 120 variables which a service passes to it. */
function folder(index: number): SourceFile[] {
  const names = Array.from({ length: 120 }, (_, at) => `SERVICE_${index % 50}_${at}_KEY`);
  const servers = Object.fromEntries(
    names.slice(0, 10).map((name, at) => [`server-${at}`, { command: "npx", env: { [name]: `$\{${name}}` } }]),
  );
  return [
    { path: `team-${index}/.mcp.json`, text: JSON.stringify({ mcpServers: servers }) },
    { path: `team-${index}/package.json`, text: "{}" },
    { path: `team-${index}/src/main.ts`, text: names.map((name) => `use(process.env.${name});`).join("\n") },
    {
      path: `team-${index}/compose.yaml`,
      text: `services:\n  bot:\n    environment:\n${names.map((name) => `      - ${name}`).join("\n")}\n`,
    },
  ];
}

console.log(`node ${process.version}, ${cpus().length} cores, ${cpus()[0]?.model ?? "unknown processor"}`);
let before: { seconds: number; edges: number } | undefined;
for (const folders of [100, 200, 400, 800]) {
  const files = [
    { path: ".github/CODEOWNERS", text: "* @acme/platform\n" },
    ...Array.from({ length: folders }, (_, index) => folder(index)).flat(),
  ];
  const start = performance.now();
  const graph = buildGraph({ scope: "h/o/r", files, findings: [], storeMatches: [] });
  const seconds = (performance.now() - start) / 1000;
  const asked = performance.now();
  const text = explainText("mcp-server:h/o/r#team-7/.mcp.json#server-3", graph);
  const explained = performance.now() - asked;
  const drawn = performance.now();
  mermaid(graph);
  const edges = graph.edges.length;
  const growth =
    before === undefined
      ? ""
      : `, ${(edges / before.edges).toFixed(1)} times the edges in ${(seconds / before.seconds).toFixed(1)} times the time`;
  console.log(
    `${graph.identities.length} identities, ${edges} edges: built in ${seconds.toFixed(2)} s, one explained in ${explained.toFixed(0)} ms ` +
      `(${text?.split("\n").length ?? 0} lines), drawn in ${(performance.now() - drawn).toFixed(0)} ms, ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB of memory${growth}`,
  );
  before = { seconds, edges };
}
