import { Command } from "commander";
import { UsageError } from "../errors.ts";
import type { Incident } from "../incident/fold.ts";
import type { Plan } from "../playbook/plan.ts";
import { latestPlan } from "../store/evidence.ts";
import { listIncidents } from "../store/incidents.ts";
import { type Agent, startAgent } from "./demo-agent.ts";
import { asUser, type DemoWorld, leak, startWorld } from "./demo-world.ts";

interface Options {
  readonly exit?: true;
  readonly json?: true;
  readonly verbose?: true;
}

export function command(): Command {
  return new Command()
    .description(
      "Runs the main job on this machine, on loopback only: a developer leaks a key in a pull request, its owner says rotate, and the old key is proven dead while an agent keeps calling.",
    )
    .option(
      "--exit",
      "stop when it is done; exit code 0 only if the old key is dead, the new one is live, no call failed and the check is green",
    )
    .option("--json", "print one JSON object (with --exit)")
    .option("--verbose", "show the server's log")
    .action(run);
}

async function run(options: Options): Promise<void> {
  if (options.json && !options.exit) throw new UsageError("--json prints one object at the end: use it with --exit");
  const say = (text: string) => process.stderr.write(`demo: ${text}\n`);
  const world = await startWorld(say, options);
  try {
    const { result, green } = await story(world, say, options.json === true);
    if (options.json) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    else process.stdout.write(summary(result, green, options.exit ? undefined : world.server.url));
    process.exitCode = green ? 0 : 1;
    if (!options.exit) await interrupted();
  } finally {
    await world.stop();
  }
}

/** The object of contracts.md §10. */
interface DemoResult {
  readonly incident: string;
  readonly identity: { readonly id: string; readonly kind: string; readonly name: string; readonly owner: string };
  readonly timeline: Readonly<Record<string, string>>;
  readonly secondsToDead: number;
  readonly checkConclusion: string | null;
  readonly comment: string;
  readonly consumer: { readonly calls: number; readonly failed: number };
}

async function story(world: DemoWorld, say: (text: string) => void, quiet: boolean): Promise<{ result: DemoResult; green: boolean }> {
  const agent: Agent = startAgent(world);
  try {
    say("dev pushes a branch with the key as a literal and opens a pull request");
    const number = await leak(world);
    const shown = await until(
      "the comment shows a plan",
      60_000,
      () => commentOf(world),
      (body) => / rekey:rotate (RK-\w+) /.test(` ${body}`),
    );
    if (!quiet) process.stdout.write(`\n${shown}\n`);
    const id = /rekey:rotate (RK-\w+) /.exec(shown)?.[1] ?? "";
    await new Promise((resolve) => setTimeout(resolve, 1500)); // a command counts only if it is younger than the plan that it means
    say(`mara, the owner, comments: /rekey rotate ${id}`);
    await asUser(world, world.people.mara, "POST", `/issues/${number}/comments`, { body: `/rekey rotate ${id}` });

    let last = shown;
    const incident = await until(
      "the old key is verified dead",
      300_000,
      async () => {
        const now = await commentOf(world);
        if (!quiet && now !== last) process.stdout.write(`\n${now}\n`);
        last = now;
        return (await listIncidents(world.server.rekey.database.db)).find((known) => known.id === id);
      },
      (known) => known?.clock.dead !== undefined || known?.run?.state === "held",
    );
    const check = await until(
      "the check is green",
      30_000,
      async () => world.github.state.checks.at(-1),
      (latest) => latest?.status === "completed" && latest.conclusion === "success",
    ).catch(() => world.github.state.checks.at(-1));
    if (check?.conclusion === "success")
      await until(
        "the comment says so",
        30_000,
        () => commentOf(world),
        (body) => body.includes("**verified dead**"),
      );
    await agent.stop();
    const result = await resultOf(world, incident, check?.conclusion ?? null, agent);
    const dead = incident?.clock.dead !== undefined && !liveKeys(world).includes(world.leakedHash);
    return { result, green: dead && liveKeys(world).length === 1 && agent.failed() === 0 && check?.conclusion === "success" };
  } finally {
    await agent.stop();
  }
}

async function resultOf(world: DemoWorld, incident: Incident | undefined, conclusion: string | null, agent: Agent): Promise<DemoResult> {
  if (incident === undefined) throw new Error("no incident was opened");
  const plan = (await latestPlan(world.server.rekey.database.db, incident.id))?.body as Plan | undefined;
  const { id = "", kind = "", name = "", owner = "" } = plan?.facts.identity ?? {};
  const { exposed, detected, contained, replaced, revoked, dead } = incident.clock;
  const timeline = Object.entries({ exposed, detected, contained, replaced, revoked, dead }).flatMap(([step, at]) =>
    at === undefined ? [] : [[step, at] as const],
  );
  return {
    incident: incident.id,
    identity: { id, kind, name, owner },
    timeline: Object.fromEntries(timeline),
    secondsToDead: dead === undefined ? Number.NaN : (Date.parse(dead) - Date.parse(detected)) / 1000,
    checkConclusion: conclusion,
    comment: await commentOf(world),
    consumer: { calls: agent.calls(), failed: agent.failed() },
  };
}

function summary(result: DemoResult, green: boolean, url: string | undefined): string {
  const { exposed = "" } = result.timeline;
  const inOrder = Object.entries(result.timeline).toSorted(([, a], [, b]) => a.localeCompare(b));
  const lines = inOrder.map(([step, at]) => `  ${step.padEnd(10)} ${at}  +${((Date.parse(at) - Date.parse(exposed)) / 1000).toFixed(1)} s`);
  return [
    "",
    `${result.incident}: ${result.identity.kind} ${result.identity.name}, owner ${result.identity.owner}`,
    ...lines,
    `  ${result.secondsToDead.toFixed(1)} s from detected to verified dead; check ${result.checkConclusion}`,
    `  the agent made ${result.consumer.calls} calls meanwhile, ${result.consumer.failed} failed`,
    green ? "  the old key is dead, the new one is live" : "  NOT as it should be: see above",
    "",
    ...(url === undefined ? [] : [`Dashboard: ${url}/ (until Ctrl-C)`, ""]),
  ].join("\n");
}

function liveKeys({ provider }: DemoWorld): string[] {
  return provider.keys().flatMap(({ hash, disabled }) => (disabled ? [] : [hash]));
}

async function commentOf(world: DemoWorld): Promise<string> {
  return world.github.state.comments.findLast((comment) => comment.byApp)?.body ?? "";
}

async function until<T>(what: string, timeout: number, read: () => Promise<T>, done: (value: T) => boolean): Promise<T> {
  const end = Date.now() + timeout;
  for (;;) {
    const value = await read();
    if (done(value)) return value;
    if (Date.now() > end) throw new Error(`waited ${timeout / 1000} s until ${what}; run the demo again with --verbose`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    process.once("SIGINT", () => resolve());
    process.once("SIGTERM", () => resolve());
  });
}
