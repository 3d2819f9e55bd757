import type { Ruleset } from "../detector/compile.ts";
import { guidedDriver } from "../provider/guided.ts";
import { driverFor } from "../provider/index.ts";

interface VerifiableType {
  readonly detector: string;
  readonly name: string;
  /** Method, host and path; `HOST` stands for a server of somebody's own. */
  readonly call: string;
  readonly tells: readonly string[];
  /** A refusal by the vendor's host is `unknown`, since other servers issue such values too. */
  readonly issuedElsewhere: boolean;
  readonly page: string;
}

/** Which types `rekey scan --verify` can ask about, as a table (docs/verify-types.md) or as data. */
export function verifiableTypes(ruleset: Ruleset, format: "text" | "json" | "markdown"): string {
  const types = ruleset.files.flatMap(({ references: [page = ""], detectors }) =>
    detectors.flatMap((detector): VerifiableType[] => {
      const {
        verbs,
        hosts,
        probeCall = "",
        tells = [],
        issuedElsewhere = false,
      } = (driverFor(detector.id) ?? guidedDriver(detector)).manifest;
      if (verbs.probe === undefined) return [];
      const [method = "", path = ""] = probeCall.split(" ");
      return [{ detector: detector.id, name: detector.name, call: `${method} ${hosts[0] ?? "HOST"}${path}`, tells, issuedElsewhere, page }];
    }),
  );
  const rows = types.toSorted((a, b) => (a.detector < b.detector ? -1 : 1));
  if (format === "json") return `${JSON.stringify({ version: 1, types: rows }, null, 2)}\n`;
  if (format === "markdown") return markdown(rows);
  return rows
    .map(({ detector, call, tells }) => `${detector.padEnd(36)} ${call.padEnd(64)} ${tells.join(", ")}`.trimEnd())
    .join("\n")
    .concat("\n");
}

function markdown(rows: readonly VerifiableType[]): string {
  const lines = rows.map(({ name, call, tells, issuedElsewhere, page }) => {
    const told = tells.map((fact) => fact.replaceAll("_", " ")).join(", ") || "only whether it lives";
    return `| ${name} | \`${call}\` | ${told}${issuedElsewhere ? "; a refusal is `unknown`" : ""} | [page](${page}) |`;
  });
  return `# Types that \`rekey scan --verify\` can ask about

Written by \`rekey providers --verify --format markdown\`: ${rows.length} types. \`HOST\` is a server of somebody's own, which
\`--verify-host\` must allow. What else is asked, and what never is, says [verify.md](verify.md).

| type | call | the answer tells | vendor |
|---|---|---|---|
${lines.join("\n")}
`;
}
