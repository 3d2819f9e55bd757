#!/usr/bin/env node
import { enableCompileCache } from "node:module";
import { fileURLToPath } from "node:url";

/*
 * What hooks and ./rekey start. Plain JavaScript: without a kept form of cli.ts Node first loads what strips its types, which takes
 * 50 ms of processor time.
 */
enableCompileCache(fileURLToPath(new URL("../.cache/rekey/compile", import.meta.url)));
await import("./cli.ts");
