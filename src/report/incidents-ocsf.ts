import type { IncidentFacts } from "../incident/fold.ts";
import { kindNames, kindOf } from "../incident/runtime.ts";
import { ocsfSeverities } from "./ocsf.ts";

/**
 * Incidents as OCSF 1.4 Detection Findings (class 2004, activity Create, Update or Close), one JSON object a line. Leaked credentials and
 * runtime events are of one class, so that a SIEM has one queue; `types` tells them apart.
 */
export function incidentsOcsf(incidents: readonly IncidentFacts[], version: string): string {
  return incidents.map((incident) => `${JSON.stringify(event(incident, version))}\n`).join("");
}

function event(incident: IncidentFacts, version: string): object {
  const { id, credential, severity, state, identities, clock, report, repository } = incident;
  const [activity, activityName] = state === "resolved" ? [3, "Close"] : clock.acknowledged !== undefined ? [2, "Update"] : [1, "Create"];
  const [status, statusName] = statusOf(incident);
  const time = Date.parse(clock.closed ?? report?.lastAt ?? clock.detected);
  return {
    category_uid: 2,
    category_name: "Findings",
    class_uid: 2004,
    class_name: "Detection Finding",
    activity_id: activity,
    activity_name: activityName,
    type_uid: 200_400 + Number(activity),
    time,
    severity_id: ocsfSeverities[severity][0],
    severity: ocsfSeverities[severity][1],
    status_id: status,
    status: statusName,
    message: `${id}: ${credential.title}`,
    metadata: { version: "1.4.0", product: { name: "Rekey", vendor_name: "Rekey", version } },
    finding_info: {
      uid: id,
      title: credential.title,
      types: [kindNames[kindOf(incident)]],
      created_time: Date.parse(clock.detected),
      first_seen_time: Date.parse(clock.exposed),
      last_seen_time: Date.parse(report?.lastAt ?? clock.detected),
      analytic: { uid: report?.rule ?? credential.detector, name: report?.rule ?? credential.title, type_id: 1, type: "Rule" },
      ...(report?.link === undefined ? {} : { src_url: report.link }),
    },
    resources: identities.map(({ id: uid, kind, name, owner }) => ({
      type: kind,
      name,
      uid,
      ...(owner === undefined ? {} : { owner: { name: owner } }),
    })),
    unmapped: {
      clock,
      validity: incident.validity,
      ...(repository === undefined ? {} : { repository }),
      ...(report === undefined ? {} : { report }),
    },
  };
}

/** 1 New, 2 In Progress, 3 Suppressed, 4 Resolved. */
function statusOf({ state, resolution, clock }: IncidentFacts): readonly [number, string] {
  if (state === "open") return clock.acknowledged === undefined ? [1, "New"] : [2, "In Progress"];
  return resolution === "wont_fix" || resolution === "false_positive" || resolution === "used_in_tests"
    ? [3, "Suppressed"]
    : [4, "Resolved"];
}
