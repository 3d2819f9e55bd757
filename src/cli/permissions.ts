import { Command, Option } from "commander";
import { type Permission, permissions } from "../github/permissions.ts";

interface Contact {
  readonly host: string;
  readonly why: string;
  readonly sends: string;
}

const contacts: readonly Contact[] = [
  {
    host: "api.github.com (or your GitHub server)",
    why: "the API, with the App's tokens",
    sends: "checks, comments, reviews, reactions, closed alerts; never a value",
  },
  {
    host: "github.com (or your GitHub server)",
    why: "git fetch over HTTPS; the pages of log-in and registration",
    sends: "nothing but requests",
  },
  {
    host: "your secret managers, databases and clusters (connections)",
    why: "what a playbook reads and writes, and the inventory",
    sends: "the new value of a credential, to the place that is declared",
  },
  {
    host: "your chat, tickets and webhooks (notify)",
    why: "messages",
    sends: "incident id, type, owner, repository, times; never a value",
  },
  { host: "your OpenID provider (login.oidc)", why: "log-in of people without a GitHub account", sends: "the code of a log-in" },
  {
    host: "the vendor of a leaked credential",
    why: "whether it lives, and its rotation where a connection allows that",
    sends: "the leaked value, in one read-only call to the vendor that issues this type (policy.probe), and to nobody else",
  },
  { host: "your PostgreSQL (database.url)", why: "Rekey's own state", sends: "what is stored, see above" },
];

export function command(): Command {
  return new Command()
    .description("Lists every permission of both GitHub Apps, why, what is read and stored, and each host that is contacted.")
    .addOption(new Option("--format <format>", "output").choices(["text", "json", "markdown"]).default("text"))
    .action(({ format }: { format: "text" | "json" | "markdown" }) => {
      if (format === "json") process.stdout.write(`${JSON.stringify({ version: 1, permissions, contacts }, null, 2)}\n`);
      else process.stdout.write(format === "markdown" ? markdown() : text());
    });
}

function text(): string {
  const lines = permissions.map(
    ({ app, name, level, tier, why }) => `${app.padEnd(14)}  ${`${name}: ${level}`.padEnd(38)}  ${tier.padEnd(9)}  ${why}`,
  );
  return `${[...lines, "", ...contacts.map(({ host, why }) => `${host}  ${why}`)].join("\n")}\n`;
}

function markdown(): string {
  const table = (app: Permission["app"]) =>
    permissions
      .filter((one) => one.app === app)
      .map(
        ({ name, level, tier, why, reads, stores, without }) =>
          `| \`${name}: ${level}\` | ${tier} | ${why} | ${reads} | ${stores} | ${without} |`,
      )
      .join("\n");
  const head = "| permission | used from | why | what is read | what is stored | without it |\n|---|---|---|---|---|---|";
  return `# What the GitHub Apps may do, and whom Rekey contacts

Written by \`rekey permissions --format markdown\`. *Used from* is the first stage of [rollout](rollout.md) at which something needs it;
*optional* ones are asked for only where the feature is wanted. Neither App asks for \`contents: write\` or \`administration\`.

## Rekey

It scans, checks and converses ([app.yml](../app.yml)).

${head}
${table("Rekey")}

## Rekey Rotator

A second App, only for writing secrets ([rotator.yml](../rotator.yml)); it has no webhook and is installed where its secrets are.

${head}
${table("Rekey Rotator")}

## Hosts

Nothing else is contacted: no telemetry, no update check. The dashboard loads nothing from elsewhere.

| host | why | what is sent |
|---|---|---|
${contacts.map(({ host, why, sends }) => `| ${host} | ${why} | ${sends} |`).join("\n")}

[verify-types.md](verify-types.md) has the vendors, call by call. Hosts of your own servers are added by \`targets\` and \`connections\`, never by
what stands in a repository.
`;
}
