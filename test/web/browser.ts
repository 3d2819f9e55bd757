import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { serve } from "@hono/node-server";
import packed, { inflate } from "@sparticuz/chromium";
import type { Hono } from "hono";
import { type Browser, chromium } from "playwright-core";

/**
 * A headless Chromium: the one from npm, with the machine's libraries or, where NSS and expat are missing, with those that
 * its package brings; else the system's.
 */
export async function launchBrowser(): Promise<Browser> {
  const packedPath = await packed.executablePath();
  const attempts: (() => Promise<Browser>)[] = [
    () => launch(packedPath),
    async () =>
      launch(packedPath, { LD_LIBRARY_PATH: join(await inflate(join(packages, "@sparticuz/chromium/bin/al2023.tar.br")), "lib") }),
    ...["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].filter(existsSync).map((path) => () => launch(path)),
  ];
  const errors: string[] = [];
  for (const attempt of attempts) {
    try {
      return await attempt();
    } catch (error) {
      errors.push(String(error));
    }
  }
  throw new Error(`no Chromium starts here: install the libraries that it names, or a system Chromium\n${errors.join("\n")}`);
}

const packages = fileURLToPath(new URL("../../node_modules", import.meta.url));

function launch(executablePath: string, environment: Record<string, string> = {}): Promise<Browser> {
  // As root Chromium refuses its own sandbox; without --disable-dev-shm-usage it dies where /dev/shm is small.
  return chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
    env: { PATH: process.env["PATH"] ?? "", HOME: tmpdir(), ...environment },
  });
}

/** Serves an app on a loopback port of its own. */
export async function serveOnLoopback(app: Hono): Promise<{ url: string; stop: () => Promise<void> }> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }, ({ port }) => resolve(port));
  const url = `http://127.0.0.1:${await promise}`;
  return { url, stop: () => new Promise((done) => server.close(() => done())) };
}
