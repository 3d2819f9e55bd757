import type { EvidenceReport, Relation } from "../governance/evidence.ts";

export const relationWords: Readonly<Record<Relation, string>> = {
  "evidence-for": "evidence for",
  mitigates: "mitigates",
  detects: "detects",
};

export const evidenceNote =
  "What Rekey knows is evidence for an entry; whether the entry is met is for an assessor to say. Detecting a weakness is not a failure of the control that found it.";

/** One sentence on how much is known, which never says that anything is met. */
export function evidenceHeadline({ framework, entries, with: known }: EvidenceReport): string {
  const which = framework.partial ? "of the entries that this report looks at" : "entries";
  return `Evidence for ${known} of ${entries.length} ${which}; nothing is known here about the other ${entries.length - known}.`;
}

/** The report for a file or a ticket. */
export function evidenceMarkdown(report: EvidenceReport): string {
  const { framework, entries, at } = report;
  const lines = [
    `# ${framework.name} ${framework.version}: evidence`,
    "",
    evidenceHeadline(report),
    "",
    evidenceNote,
    "",
    `Catalogue: <${framework.url}>. As of ${at}.`,
    "",
    ...entries.flatMap(({ id, title, evidence }) => [
      `## ${id} ${title}`,
      "",
      ...(evidence.length === 0
        ? ["No evidence here."]
        : evidence.map(({ relation, sentence }) => `- ${relationWords[relation]}: ${sentence}`)),
      "",
    ]),
  ];
  return `${lines.join("\n").trimEnd()}\n`;
}
