import { Command, InvalidArgumentError, Option } from "commander";
import type { Client } from "./hook/agent-protocol.ts";

export function command(): Command {
  const hook = new Command().description("Stops credentials before they are committed, pushed, received, or sent to a model.");
  hook
    .command("install")
    .description("Install the pre-commit and pre-push hooks of this repository, or those of an agent's client.")
    .addOption(agent())
    .option("--project", "with --agent: in the settings of this folder (the default)")
    .option("--user", "with --agent: in the settings of this user")
    .action(async ({ agent: client, user }: Where) => {
      if (client === undefined) (await import("./hook/install.ts")).install();
      else (await import("./hook/agent-settings.ts")).installAgent(client, user === true);
    });
  hook
    .command("status")
    .description("Say which hooks are installed, and which overrides were used.")
    .action(async () => (await import("./hook/install.ts")).status());
  hook
    .command("uninstall")
    .description("Take the hooks away again; whatever stood there before is back.")
    .addOption(agent())
    .option("--project", "with --agent: from the settings of this folder (the default)")
    .option("--user", "with --agent: from the settings of this user")
    .action(async ({ agent: client, user }: Where) => {
      if (client === undefined) (await import("./hook/install.ts")).uninstall();
      else (await import("./hook/agent-settings.ts")).uninstallAgent(client, user === true);
    });
  hook
    .command("agent")
    .description("Run by an agent's client: judge the prompt, tool call or tool output that stands as JSON on stdin.")
    .addOption(new Option("--client <client>", "whose protocol").choices(names).makeOptionMandatory())
    .action(async ({ client }: { client: Client }) => (await import("./hook/agent-client.js")).run(client));
  hook
    .command("pre-commit")
    .description("Run by git: scan what the next commit would add.")
    .action(async () => (await import("./hook/git.ts")).preCommit());
  hook
    .command("pre-push")
    .description("Run by git: scan the commits that a push would send. Reads the refs on stdin.")
    .argument("[remote]", "name of the remote", "origin")
    .argument("[address]", "where it is")
    .action(async (remote: string) => (await import("./hook/git.ts")).prePush(remote));
  hook
    .command("pre-receive")
    .description("Run by a git server: scan what a push brings, before it is accepted. Reads '<old> <new> <ref>' lines on stdin.")
    .option("--budget <ms>", "time for the whole push, milliseconds", milliseconds, 3000)
    .addOption(new Option("--on-timeout <what>", "what happens to a push that takes longer").choices(["allow", "deny"]).default("allow"))
    .option("--no-override", "do not let git push -o rekey.allow=<reason> through")
    .action(async (options: { budget: number; onTimeout: "allow" | "deny"; override: boolean }) =>
      (await import("./hook/git.ts")).preReceive(options),
    );
  hook.addHelpText(
    "after",
    `
One push or commit goes through with REKEY_ALLOW="<reason>" in front of it, which is written down and shown by hook status.

Exit codes: 0 go on, 1 credentials found, 2 wrong usage or failure: git stops on both. Agent hooks always exit 0.`,
  );
  for (const sub of hook.commands) sub.exitOverride();
  return hook;
}

interface Where {
  readonly agent?: Client;
  readonly project?: true;
  readonly user?: true;
}

const names: readonly Client[] = ["claude-code", "cursor", "codex"];

function agent(): Option {
  return new Option("--agent <client>", "the hooks of this client instead of git's").choices(names);
}

function milliseconds(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError("expected a whole number of milliseconds");
  return value;
}
