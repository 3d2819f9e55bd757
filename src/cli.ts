#!/usr/bin/env node
import { enableCompileCache } from "node:module";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import type { Command } from "commander";

/** A command lives in src/cli/<name>.ts and exports `command()`; it is loaded only when it is asked for. */
interface Entry {
  readonly summary: string;
  readonly load: () => Promise<{ command(): Command }>;
}

const commands: Record<string, Entry> = {
  scan: { summary: "Find leaked credentials in files, git history, stdin or a remote repository", load: () => import("./cli/scan.ts") },
  action: { summary: "Scan in GitHub Actions, with annotations, a job summary and SARIF", load: () => import("./cli/action.ts") },
  identities: {
    summary: "List the AI identities of a repository, what they use and who owns them",
    load: () => import("./cli/identities.ts"),
  },
  fix: { summary: "Write references where leaked values stand", load: () => import("./cli/fix.ts") },
  hook: { summary: "Stop credentials before they are committed, pushed, received or sent to a model", load: () => import("./cli/hook.ts") },
  explain: { summary: "Say what reports or silences a credential on a line", load: () => import("./cli/explain.ts") },
  ignore: { summary: "Silence one finding, with a reason", load: () => import("./cli/ignore.ts") },
  baseline: { summary: "Write down what is known, so that scans report only what is new", load: () => import("./cli/baseline.ts") },
  report: { summary: "Show open leaked credentials and the time until they are dead", load: () => import("./cli/report.ts") },
  incident: { summary: "Show an incident, acknowledge it, or end a runtime event", load: () => import("./cli/incident.ts") },
  plan: { summary: "Show what a rotation would do, and who must agree", load: () => import("./cli/plan.ts") },
  rotate: { summary: "Approve a plan as the server's operator and start it", load: () => import("./cli/rotate.ts") },
  review: { summary: "Hold access reviews of AI identities, and end what was denied", load: () => import("./cli/review.ts") },
  exception: { summary: "List accepted risks, and ask for one or end one", load: () => import("./cli/exception.ts") },
  verify: { summary: "Look whether a leaked credential is dead", load: () => import("./cli/verify.ts") },
  rollout: { summary: "Show how far Rekey goes in each repository, and take it further or back", load: () => import("./cli/rollout.ts") },
  backfill: { summary: "Look through the history of all repositories, and show how far it is", load: () => import("./cli/backfill.ts") },
  bulk: { summary: "Decide about many open incidents at once, with a preview and a way back", load: () => import("./cli/bulk.ts") },
  token: { summary: "Make, list and remove tokens for programs that read the API", load: () => import("./cli/token.ts") },
  pause: { summary: "Stop all rotations before their next change", load: () => import("./cli/pause.ts") },
  resume: { summary: "Let paused rotations go on", load: () => import("./cli/resume.ts") },
  playbook: { summary: "List, lint and run rotation playbooks", load: () => import("./cli/playbook.ts") },
  connect: { summary: "Print the least policy of a connection and test its credential", load: () => import("./cli/connect.ts") },
  providers: { summary: "List what can be done with each provider and secret manager", load: () => import("./cli/providers.ts") },
  setup: { summary: "Register the GitHub App and write its configuration", load: () => import("./cli/setup.ts") },
  permissions: {
    summary: "List what the GitHub Apps may do, why, and each host that is contacted",
    load: () => import("./cli/permissions.ts"),
  },
  doctor: { summary: "Look whether everything that the server needs is there", load: () => import("./cli/doctor.ts") },
  serve: { summary: "Run the GitHub App: webhooks, workers and the dashboard", load: () => import("./cli/serve.ts") },
  worker: { summary: "Work beside a server on the same PostgreSQL", load: () => import("./cli/worker.ts") },
  demo: { summary: "Show the whole chain on this machine: a leaked key from push to verified dead", load: () => import("./cli/demo.ts") },
  backup: { summary: "Copy the embedded database, also while the server runs", load: () => import("./cli/backup.ts") },
  restore: { summary: "Put a backup in place of an embedded database", load: () => import("./cli/restore.ts") },
  keys: { summary: "Replace the keys of Rekey itself: fingerprints, webhooks, the App", load: () => import("./cli/keys.ts") },
  audit: { summary: "Prove that the event log was not changed", load: () => import("./cli/audit.ts") },
  people: { summary: "Erase a person's name", load: () => import("./cli/people.ts") },
  check: { summary: "Prove detectors and playbooks", load: () => import("./cli/check.ts") },
};

enableCompileCache(fileURLToPath(new URL("../.cache/rekey/compile", import.meta.url)));
// what a scan makes is garbage at once: V8 would let it grow to 130 MB before it looks
setFlagsFromString("--semi-space-growth-factor=1");
process.exitCode = await main(process.argv.slice(2));

async function main(argv: string[]): Promise<number> {
  const [name] = argv;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    process.stdout.write(usage());
    return name === undefined ? 2 : 0;
  }
  if (name === "--version" || name === "-V") {
    const { default: manifest } = await import("../package.json", { with: { type: "json" } });
    process.stdout.write(`${manifest.version}\n`);
    return 0;
  }
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (entry === undefined) {
    process.stderr.write(`rekey: '${name}' is not a command; expected one of ${Object.keys(commands).join(", ")}. See rekey --help\n`);
    return 2;
  }
  return run(name, entry, argv.slice(1));
}

/** A command sets `process.exitCode` itself; whatever it throws becomes exit code 2 with one line on stderr. */
async function run(name: string, entry: Entry, argv: string[]): Promise<number> {
  const { command } = await entry.load();
  try {
    await command().name(`rekey ${name}`).exitOverride().parseAsync(argv, { from: "user" });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return report(error);
  }
}

function report(error: unknown): number {
  if (!(error instanceof Error)) throw error;
  if ("exitCode" in error && "code" in error && String(error.code).startsWith("commander.")) return error.exitCode === 0 ? 0 : 2;
  const expected = ["UsageError", "ConfigError", "RefusedError", "HoldError", "RetryError", "UnknownOutcomeError"].includes(error.name);
  process.stderr.write(expected ? `rekey: ${error.message}\n` : `rekey: unexpected failure: ${error.stack}\n`);
  return 2;
}

function usage(): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return `Usage: rekey <command> [options]

Finds leaked credentials, names the AI identity each one belongs to, rotates it, and proves the old one dead.

Commands:
${lines.join("\n")}
  ${"test".padEnd(width)}  Run types, lint and all tests (from the source tree only)

Run rekey <command> --help for the options of one.
`;
}
