import { randomBytes } from "node:crypto";
import { createMemorySink } from "../../src/secret-manager/memory.ts";
import { sinkContract } from "../contract/sink.ts";

const sink = createMemorySink();

sinkContract("memory", () => ({
  sink,
  context: { host: "memory", timeout: 1000 },
  path: () => `secret/${randomBytes(6).toString("hex")}`,
  write: async (path, fields) => sink.set(path, fields),
}));
