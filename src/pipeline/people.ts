import { randomUUID } from "node:crypto";
import type { Command } from "../github/command.ts";
import { atLeast, roleOf } from "../github/permission.ts";
import { peopleOf } from "../github/team.ts";
import { authorizationUrl, type GitHubClientConfig, personOf, userToken } from "../github/user-login.ts";
import type { Incident } from "../incident/fold.ts";
import { isCredential } from "../incident/runtime.ts";
import type { Secret } from "../secret.ts";
import { getIncident, listOccurrences } from "../store/incidents.ts";
import { clientOf, repositoryOf } from "./code.ts";
import { carryOutOn, isDecision } from "./commands.ts";
import type { Rekey } from "./context.ts";
import { decidersOf } from "./exceptions.ts";
import { redrawIncident } from "./surfaces.ts";

/** What somebody asks for on the dashboard. */
export interface DashboardOrder {
  readonly incident: string;
  readonly by: string;
  readonly verb: Command["verb"];
  readonly hash?: string | undefined;
  readonly text?: string | undefined;
  readonly until?: string | undefined;
}

/** The same as a command on a pull request: write access to a repository where the credential was seen is asked now, then it is carried out. */
export async function actFromDashboard(rekey: Rekey, order: DashboardOrder): Promise<{ ok: boolean; text?: string }> {
  const incident = await getIncident(rekey.database.db, order.incident);
  if (incident === undefined) return { ok: false, text: "There is no incident with this id." };
  if (!(await mayDecide(rekey, order)) && !(await mayAct(rekey, incident, order.by)))
    return {
      ok: false,
      text: isCredential(incident)
        ? "This needs write access to a repository where the credential was found."
        : "This needs write access to the repository of the agent, or the security team.",
    };
  const { verb, hash, text, until } = order;
  const note = await carryOutOn(
    rekey,
    {
      by: order.by,
      at: new Date().toISOString(),
      source: `dashboard-${randomUUID()}`,
      command: {
        verb,
        incident: incident.id,
        ...(hash === undefined ? {} : { hash }),
        ...(text === undefined ? {} : { text }),
        ...(until === undefined ? {} : { until }),
      },
    },
    incident,
  );
  rekey.log.info({ incident: incident.id, by: order.by, verb, ok: note.ok }, "an order from the dashboard");
  await redrawIncident(rekey, incident.id);
  return note;
}

async function mayDecide(rekey: Rekey, { incident, by, verb }: DashboardOrder): Promise<boolean> {
  if (!isDecision(verb)) return false;
  const { securityTeam } = await decidersOf(rekey, incident);
  return securityTeam.some((member) => member.toLowerCase() === by.toLowerCase());
}

/** A runtime event stands in no repository: the one of its agent counts, where it is known, and the security team. */
async function mayAct(rekey: Rekey, { id, kind, repository: own }: Incident, login: string): Promise<boolean> {
  const places = (await listOccurrences(rekey.database.db, id)).flatMap(({ repository }) => repository ?? []);
  const names = new Set(kind === undefined || own === undefined ? places : [own]);
  if (kind !== undefined && rekey.config.security_team.some((member) => member.toLowerCase() === login.toLowerCase())) return true;
  for (const name of names) {
    const repository = await repositoryOf(rekey, name);
    if (repository !== undefined && atLeast(await roleOf(await clientOf(rekey, repository), login), "write")) return true;
  }
  return false;
}

/** Login through the App: who somebody is, what they may see, and whether they are of the security team (teams are asked from GitHub). */
export function githubUsers(rekey: Rekey, config: GitHubClientConfig) {
  return {
    url: (flow: Parameters<typeof authorizationUrl>[1]) => authorizationUrl(config, flow),
    token: (answer: Parameters<typeof userToken>[1]) => userToken(config, answer),
    person: (token: Secret) => personOf(config, token),
    async leads(login: string): Promise<boolean> {
      const [known] = await rekey.database.db.selectFrom("repository").select(["id", "installation_id", "full_name"]).limit(1).execute();
      const client =
        known === undefined || rekey.app === undefined
          ? undefined
          : await clientOf(rekey, { installation: known.installation_id, id: known.id, fullName: known.full_name });
      const members = await peopleOf(client, rekey.config.security_team);
      return members.some((member) => member.toLowerCase() === login.toLowerCase());
    },
  };
}
