import type { Incident } from "../incident/fold.ts";
import { slaOf } from "../incident/sla.ts";
import { describeError } from "../log.ts";
import { jiraTarget } from "../notify/jira.ts";
import { isFor, type Message, messageOf, type Route, type Topic, topicOf } from "../notify/message.ts";
import { slackTarget } from "../notify/slack.ts";
import { NotTakenError, type Target } from "../notify/target.ts";
import { webhookTarget } from "../notify/webhook.ts";
import { getIncident, readTimeline } from "../store/incidents.ts";
import { claim, desire, listDue, markApplied, markFailed } from "../store/outbox.ts";
import { markTold, markToldOverdue, untoldIncidents, waitingIncidents } from "../store/untold.ts";
import { asOneMatter } from "./chain-owner.ts";
import type { Rekey } from "./context.ts";
import { policyFor } from "./rollout.ts";

const kind = "message";
/** Nothing is overdue sooner. */
const shortestTime = 4 * 3_600_000;

interface Routed {
  readonly target: string;
  readonly message: Message;
}

/** What happened since it last looked becomes messages, and those are sent. Everything waits in the outbox, across restarts. */
export async function tellOutside(rekey: Rekey): Promise<void> {
  await tellEvents(rekey);
  await tellOverdue(rekey);
  await sendDue(rekey);
}

async function tellEvents(rekey: Rekey): Promise<void> {
  const { db } = rekey.database;
  for (const untold of await untoldIncidents(db)) {
    const incident = await getIncident(db, untold.id);
    if (incident === undefined) continue;
    const news = (await isQuiet(rekey, incident))
      ? []
      : (await readTimeline(db, untold.id)).flatMap(({ seq, at, event }) => {
          const topic = topicOf(event);
          return seq > untold.toldSeq && seq <= untold.seq && topic !== undefined ? [{ topic, at, seq }] : [];
        });
    const matter = news.length === 0 ? incident : await asOneMatter(rekey, incident);
    await db.transaction().execute(async (trx) => {
      if (!(await markTold(trx, untold))) return;
      for (const { topic, ...of } of news)
        for (const { target, message } of routed(rekey, matter, topic, of))
          await desire(trx, { key: `${kind}/${target}/${message.id}`, kind, desired: { target, message } });
    });
  }
}

async function tellOverdue(rekey: Rekey): Promise<void> {
  const { db } = rekey.database;
  if (rekey.config.notify.length === 0) return;
  const now = Date.now();
  for (const incident of await waitingIncidents(db, new Date(now - shortestTime))) {
    if (Date.parse(incident.clock.detected) + slaOf(incident).dead > now || (await isQuiet(rekey, incident))) continue;
    const of = { at: new Date(now).toISOString(), seq: 0 };
    await db.transaction().execute(async (trx) => {
      if (!(await markToldOverdue(trx, incident.id))) return;
      for (const { target, message } of routed(rekey, incident, "overdue", of))
        await desire(trx, { key: `${kind}/${target}/${message.id}`, kind, desired: { target, message } });
    });
  }
}

/** What was found in history is nobody's news until somebody has looked at it, and at `observe` nothing leaves the server. */
async function isQuiet(rekey: Rekey, incident: Incident): Promise<boolean> {
  const untouched = incident.run === undefined && incident.clock.acknowledged === undefined;
  return (incident.preExisting && untouched) || (await policyFor(rekey, incident)).stage === "observe";
}

function routed({ config }: Rekey, incident: Incident, topic: Topic, of: { at: string; seq: number }): Routed[] {
  const message = messageOf(incident, topic, of, config.login?.url.replace(/\/$/, ""));
  return config.notify.filter((route: Route) => isFor(route, topic, incident)).map(({ name }) => ({ target: name, message }));
}

async function sendDue(rekey: Rekey): Promise<void> {
  const { db } = rekey.database;
  const due = await listDue(db, kind);
  if (due.length === 0) return;
  const targets = targetsOf(rekey);
  for (const one of due) {
    const { target: name, message } = one.desired as Routed;
    const target = targets.get(name);
    if (!(await claim(db, one))) continue;
    if (target === undefined) {
      await markFailed(db, one.key, "no such target", true);
      continue;
    }
    try {
      await markApplied(db, one.key, one.hash, await target.send(message, one));
    } catch (error) {
      const giveUp = error instanceof NotTakenError && !error.again;
      await markFailed(db, one.key, error instanceof NotTakenError ? error.message : describeError(error).type, giveUp);
      rekey.log.warn({ target: name, message: message.id, giveUp, error: describeError(error) }, "a message was not taken");
    }
  }
}

function targetsOf({ config, credential }: Rekey): Map<string, Target> {
  return new Map(
    config.notify.map((one) => {
      if (one.type === "slack") return [one.name, slackTarget({ name: one.name, url: credential(one.url) })];
      if (one.type === "webhook") return [one.name, webhookTarget({ name: one.name, url: one.url, secret: credential(one.secret) })];
      const { name, url, project, issue_type: issueType } = one;
      return [name, jiraTarget({ name, url: url.replace(/\/$/, ""), project, issueType, credential: credential(one.credential) })];
    }),
  );
}
