import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UsageError } from "../errors.ts";
import { git, isLoopback } from "../git.ts";

/** Whether a person's argument is an address rather than a path. */
export function isAddress(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text) || /^[\w.-]+@[\w.-]+:(?!\/\/)/.test(text);
}

/**
 * Clones a repository, all refs and no working tree, into a folder that is gone when `use` has ended. Only for addresses that a
 * person typed: their own git configuration (credential helper, proxy, ssh) is used. Throws UsageError for other addresses than
 * https, ssh, file, and http on this machine, and for one that holds a password.
 */
export async function withClone<T>(address: string, use: (gitDir: string) => Promise<T>): Promise<T> {
  refuse(address);
  const folder = await mkdtemp(join(tmpdir(), "rekey-clone-"));
  const stop = new AbortController();
  const leave = () => {
    stop.abort();
    rmSync(folder, { recursive: true, force: true });
    process.exit(130);
  };
  for (const signal of signals) process.once(signal, leave);
  try {
    await git(["clone", "--mirror", "--quiet", "--no-local", "--template=", "--", address, "repository.git"], {
      cwd: folder,
      timeout: 3_600_000,
      signal: stop.signal,
      remote: { url: address, userConfig: true, loopback: true, file: /^file:/i.test(address) },
    });
    return await use(join(folder, "repository.git"));
  } finally {
    for (const signal of signals) process.off(signal, leave);
    await rm(folder, { recursive: true, force: true });
  }
}

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

function refuse(address: string): void {
  if (!URL.canParse(address)) {
    if (isAddress(address)) return; // user@host:path
    throw new UsageError("expected the address of a repository: https://… or ssh://…");
  }
  const { protocol, password } = new URL(address);
  if (!["https:", "ssh:", "http:", "file:"].includes(protocol))
    throw new UsageError(`expected the address of a repository (https://… or ssh://…), got one that begins with ${protocol}//`);
  if (password !== "")
    throw new UsageError("the address holds a password, which other programs can see; use a credential helper or ssh instead");
  if (protocol === "http:" && !isLoopback(address)) throw new UsageError("plain http is only used on this machine; expected https://…");
}
