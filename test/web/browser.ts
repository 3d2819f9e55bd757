import { existsSync } from "node:fs";
import { serve } from "@hono/node-server";
import packed from "@sparticuz/chromium";
import type { Hono } from "hono";
import { type Browser, chromium } from "playwright-core";

/** A headless Chromium: the one from npm, or the system's where that one does not start. */
export async function launchBrowser(): Promise<Browser> {
  const errors: string[] = [];
  for (const executablePath of [
    await packed.executablePath(),
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
  ]) {
    if (!existsSync(executablePath)) continue;
    try {
      // As root Chromium refuses its own sandbox.
      return await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
    } catch (error) {
      errors.push(String(error));
    }
  }
  throw new Error(`no Chromium starts here: install the libraries that it names, or a system Chromium\n${errors.join("\n")}`);
}

/** Serves an app on a loopback port of its own. */
export async function serveOnLoopback(app: Hono): Promise<{ url: string; stop: () => Promise<void> }> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }, ({ port }) => resolve(port));
  const url = `http://127.0.0.1:${await promise}`;
  return { url, stop: () => new Promise((done) => server.close(() => done())) };
}
