import type { IncidentEvent } from "../incident/event.ts";
import type { LinkedAlert } from "../incident/fold.ts";

/** One event as a sentence for the timeline. Plain text: whoever shows it escapes it. */
export function describeEvent(event: IncidentEvent): string {
  switch (event.type) {
    case "opened":
      return `Found: ${event.credential.title}, ${event.severity}${event.preExisting ? ", already in history" : ""}`;
    case "reported": {
      const { source, action } = event.report;
      return `Reported again by ${source}, ${event.severity}${action === undefined ? "" : `, ${action}`}, happened at ${event.occurredAt}`;
    }
    case "credential-linked":
      return `Made with the leaked credential of ${event.incident}: ${event.evidence}`;
    case "resolved":
      return `${event.contained ? "Contained" : "Resolved"} by ${event.by}: ${event.reason}`;
    case "occurrence-added":
      return `Seen at ${event.place}${event.pullRequest === undefined ? "" : ` in pull request ${event.pullRequest}`}${event.pushedBy === undefined ? "" : `, pushed by ${event.pushedBy}`}`;
    case "identity-linked":
      return `Belongs to ${event.kind} ${event.name} (${event.grade})${event.owner === undefined ? "" : `, owned by ${event.owner}`}${event.evidence === undefined ? "" : `: ${event.evidence}`}`;
    case "validity-observed":
      return `${{ active: "Accepted", inactive: "Refused", unknown: "No clear answer" }[event.validity]} when probed: ${event.code}`;
    case "alert-seen":
      return describeAlert(event);
    case "unknown-use-seen":
      return "Used by somebody who is no declared consumer: critical";
    case "acknowledged":
      return `Acknowledged by ${event.by}`;
    case "planned":
      return `Planned with ${event.playbook}: ${event.planHash}`;
    case "approved":
      return `Plan ${event.planHash} approved by ${event.by} (${event.role})`;
    case "break-glass":
      return `Break-glass for plan ${event.planHash} by ${event.by}: ${event.reason}`;
    case "run-started":
      return `Rotation ${event.run} started`;
    case "run-held":
      return `Rotation waits for a person (${event.code}): ${event.message}`;
    case "run-ended":
      return `Rotation ${event.run} ended: ${event.result}`;
    case "orphan-removed":
      return `Removed ${event.record}, which ${event.run} had made and lost`;
    case "contained":
      return "Contained: it can no longer be used, and can be enabled again";
    case "replaced":
      return "Replaced: the new credential is in use by every consumer";
    case "revoked":
      return `Revoked${event.by === undefined ? "" : ` by ${event.by}`}`;
    case "revoked-by-statement":
      return `${event.by} says that it is revoked: ${event.how}`;
    case "dead":
      return event.whenFound ? "Dead when found" : `Proven dead by ${event.proof}, ${event.receipts} receipts`;
    case "false-positive":
      return `Dismissed as a false positive by ${event.by}: ${event.reason}`;
    case "used-in-tests":
      return `Dismissed as used in tests by ${event.by}: ${event.reason}`;
    case "exception-asked":
      return `${event.by} asks to accept the risk until ${event.until.slice(0, 10)}: ${event.reason}`;
    case "exception-agreed":
      return `${event.by} agrees to accept the risk`;
    case "exception-declined":
      return `${event.by} says no to accepting the risk: ${event.reason}`;
    case "accepted":
      return `Risk accepted, asked by ${event.by}${event.approver === undefined ? "" : `, agreed to by ${event.approver}`}, until ${event.until.slice(0, 10)}: ${event.reason}`;
    case "exception-ended":
      return `${event.by} ended the exception: ${event.reason}`;
    case "acceptance-expired":
      return "The acceptance expired";
    case "reopened":
      return `Reopened: ${event.why}`;
    case "closed":
      return `Closed: ${event.resolution.replaceAll("_", " ")}`;
  }
}

/** Where an alert of GitHub's stands. What a person decided there is a request here. */
export function describeAlert({ repository, number, state, resolution, by, publiclyLeaked, validity }: LinkedAlert): string {
  const said = [
    publiclyLeaked ? "found in public" : "",
    validity === undefined || validity === "unknown" ? "" : `${validity} by GitHub's check`,
  ];
  const facts = said.filter((fact) => fact !== "");
  const what = `GitHub's secret scanning alert ${number} in ${repository}${facts.length === 0 ? "" : ` (${facts.join(", ")})`}`;
  if (state === "open") return `${what} is open`;
  const as = (resolution ?? "resolved").replaceAll("_", " ");
  if (by === "rekey") return `${what} was closed by Rekey as ${as}`;
  return `${what} was closed by ${by ?? "somebody"} as ${as}, which is a request here and no decision`;
}
