import { expect, test } from "vitest";
import { buildGraph } from "../../src/identity/graph.ts";
import { inventoryWith, saveInventory } from "../../src/store/inventory.ts";
import { onEachDatabase } from "./databases.ts";

onEachDatabase((open) => {
  test("the graph of the repository that has an identity is found by the identity's id", async () => {
    const { db } = open();
    const row = { host: "github.com", id: 7, installation_id: 1, full_name: "acme/app", private: true, default_branch: "main" };
    await db.insertInto("repository").values(row).execute();
    const files = [{ path: ".mcp.json", text: JSON.stringify({ mcpServers: { search: { url: "https://mcp.example.com" } } }) }];
    const { identities, nodes, edges } = buildGraph({ scope: "github.com/acme/app", files, findings: [], storeMatches: [] });
    await saveInventory(db, { host: "github.com", repositoryId: 7 }, { commit: "a", files: [], identities, nodes, edges });
    const id = "mcp-server:github.com/acme/app#.mcp.json#search";
    expect(await inventoryWith(db, id)).toMatchObject({ repository: "acme/app", graph: { nodes: [{ name: "https://mcp.example.com" }] } });
    expect(await inventoryWith(db, `${id}x`)).toBeUndefined();
  });
});
