import type { Finding } from "../finding.ts";
import { ordered } from "./order.ts";
import { advice, whose } from "./words.ts";

/** GitHub shows ten errors and ten warnings of a step, and drops the rest without a word. */
const most = 10;

/**
 * Workflow commands that GitHub shows beside the lines (docs.github.com, "Workflow commands"): what is known by its format is an error,
 * what is only generic a warning. The last line says how many are not shown.
 */
export function annotations(findings: readonly Finding[]): string {
  const [errors, warnings] = [
    findings.filter(({ confidence }) => confidence !== "low"),
    findings.filter(({ confidence }) => confidence === "low"),
  ];
  const shown = [
    ...ordered(errors)
      .slice(0, most)
      .map((finding) => command("error", finding)),
    ...ordered(warnings)
      .slice(0, most)
      .map((finding) => command("warning", finding)),
  ];
  const hidden = findings.length - shown.length;
  return [...shown, ...(hidden > 0 ? [`::notice::${hidden} more are in the job summary`] : [])].map((line) => `${line}\n`).join("");
}

function command(kind: "error" | "warning", finding: Finding): string {
  const { path, startLine, endLine, commit } = finding.location;
  const place = path === undefined ? "" : ` file=${property(path)},line=${startLine},endLine=${endLine},title=${property(finding.title)}`;
  const where = commit === undefined ? "" : `, in commit ${commit.slice(0, 10)}`;
  return `::${kind}${place}::${message(`${whose(finding)}${where}. ${advice(finding)}`)}`;
}

/** What the runner undoes: without it a path could end the command and begin another one. */
function message(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

function property(text: string): string {
  return message(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}
