import type { Finding } from "../finding.ts";
import { isVariableName } from "./name.ts";
import { agentConfig } from "./syntax/agent-config.ts";
import { code } from "./syntax/code.ts";
import { compose } from "./syntax/compose.ts";
import { dotenv } from "./syntax/dotenv.ts";
import { kubernetes } from "./syntax/kubernetes.ts";
import { npmrc } from "./syntax/npmrc.ts";
import { shell } from "./syntax/shell.ts";
import { terraform } from "./syntax/terraform.ts";
import { workflow } from "./syntax/workflow.ts";
import { isRewrite, type NoRewrite, type Rewrite, type Syntax, type Target } from "./syntax.ts";

/** One line each; the first that takes a file has it. */
const syntaxes: readonly Syntax[] = [workflow, compose, kubernetes, agentConfig, terraform, dotenv, npmrc, shell, code];

/** Files of more characters are not rewritten: nobody writes them by hand. */
export const largestFile = 1 << 20;

export interface RepairInput {
  readonly path: string;
  readonly text: string;
  /** UTF-16 offsets of the value in `text`. */
  readonly start: number;
  readonly end: number;
  readonly finding: Finding;
  /** Of the environment, for the value. */
  readonly variable: string;
  /** The Secret of Kubernetes that the graph knows to hold a variable. */
  readonly kubernetesSecret?: ((variable: string) => string | undefined) | undefined;
}

/**
 * How a leaked value is to be written in its file: the reference that the reader of the file expands, or in words why there is none.
 * Pure and without a guess: what is rewritten was read again in the file's own syntax. Never holds the value.
 */
export function repairOf(input: RepairInput): Rewrite | NoRewrite {
  const { path, text, finding } = input;
  if (finding.location.decoded !== undefined)
    return { none: `the value stands encoded (${finding.location.decoded.join(", ")}); take it out by hand` };
  if (text.length > largestFile) return { none: "the file is too large to be rewritten" };
  const target: Target = { ...input, kubernetesSecret: input.kubernetesSecret?.(input.variable) };
  const syntax = syntaxes.find((one) => one.takes(target));
  if (syntax === undefined) return { none: noSyntax(path) };
  const repair = syntax.rewrite(target);
  return isRewrite(repair) && !isVariableName(repair.name.replaceAll("-", "_")) ? { none: "no safe name for the value is known" } : repair;
}

function noSyntax(path: string): string {
  if (/(?:^|\/)(?:Dockerfile|Containerfile)|\.Dockerfile$/.test(path))
    return "what an image is built with stays in it: use RUN --mount=type=secret, and give run-time values when the container starts";
  if (/(?:^|\/)\.gitlab-ci\.yml$/.test(path)) return "delete the value and set it as a masked CI/CD variable of the project";
  if (/\.(?:md|mdx|txt|rst|log|jsonl)$/i.test(path)) return "prose and logs have no references: delete the value";
  return "no reader of this file is known that would expand a reference; take the value out by hand";
}
