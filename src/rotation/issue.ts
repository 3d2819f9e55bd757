import type { DriverContext, Issued, IssueRequest, KeyRecord, Prepared } from "../driver.ts";
import { HoldError } from "../errors.ts";
import type { PlannedSink } from "../playbook/plan.ts";
import { read } from "./effect.ts";
import { type Execution, type Minted, missing, named, once } from "./execution.ts";
import { fieldsOf, valueIn, wipe } from "./stored-value.ts";

/**
 * Makes the new credential and stages it. Where the vendor chooses the value, both are one effect, so that the value is never only
 * in memory: what a crash leaves half done is discarded and made again. Where we choose it, the value is staged first and then set,
 * which may be repeated with the same result.
 */
export async function issue(execution: Execution): Promise<void> {
  const { deps, plan, driver, run } = execution;
  const context = await deps.context(plan.facts.connection, driver);
  const request: IssueRequest = { name: `rekey-${run.id}`, like: await named(execution), token: run.id };
  const destroy = driver.manifest.verbs.issue?.effect === "destroy";
  if (driver.manifest.valueChosenByUs) return setPrepared(execution, context, request, destroy);
  await once<Minted>(execution, {
    key: "issue",
    destroy,
    send: async () => stageIssued(execution, await (driver.issue?.(context, request) ?? missing(driver, "issue"))),
    observe: async () => {
      const staged = await stagedEverywhere(execution);
      const own = await ownRecords(execution, request.name);
      const [only] = own;
      if (staged !== undefined && only !== undefined && own.length === 1) return { done: true, result: { record: only, ...staged } };
      // its value is lost (or only half staged): what was made is removed, and made again
      await driver.discard?.(context, request);
      await dropStaged(execution);
      return { done: false };
    },
  });
}

/**
 * Gives the leaked credential's own record a new value. A lost answer is never answered by a second roll, which could end a value that is
 * in use: where the vendor can make a second credential, that one takes its place while the old value still lives for its grace.
 */
export async function roll(execution: Execution, key: string): Promise<void> {
  const { deps, plan, driver, run } = execution;
  const context = await deps.context(plan.facts.connection, driver);
  const record = await named(execution);
  const { grace = 0 } = plan.facts;
  const request: IssueRequest = { name: `rekey-${run.id}`, like: record, token: run.id };
  let sent = false;
  await once<Minted>(execution, {
    key: "issue",
    destroy: true,
    send: async () => {
      if (sent) return stageIssued(execution, await (driver.issue?.(context, request) ?? missing(driver, "issue")));
      const rolled = await (driver.roll?.(context, record, { name: request.name, token: run.id, grace }) ?? missing(driver, "roll"));
      return stageIssued(execution, { ...rolled, oldEndsAt: rolled.oldEndsAt ?? (await after(execution, grace)) });
    },
    observe: async () => {
      sent = true;
      const staged = await firstStaged(execution);
      const own = await ownRecords(execution, request.name);
      if (staged !== undefined && own.length === 0) {
        // the new value of the leaked record: it is completed in every place
        const minted = await stageIssued(execution, { record, ...staged, oldEndsAt: await after(execution, grace) });
        return { done: true, result: minted };
      }
      staged?.secret.wipe();
      const [only] = own;
      const everywhere = await stagedEverywhere(execution);
      if (everywhere !== undefined && only !== undefined && own.length === 1)
        return { done: true, result: { record: only, ...everywhere } };
      if (driver.issue === undefined || driver.discard === undefined) {
        throw new HoldError(
          "roll-lost",
          `'${key}' was sent and its answer is missing. True: the credential may have a new value that nobody knows. Unknown: whether the old one still works. Do not roll it again from here: set a new value at ${driver.manifest.pages.revoke}, store it, and cancel this run`,
        );
      }
      await driver.discard(context, request);
      await dropStaged(execution);
      return { done: false };
    },
  });
}

/** Now and `milliseconds`, as ISO 8601, by the clock of the journal. */
async function after({ deps }: Execution, milliseconds: number): Promise<string> {
  return new Date((await deps.journal.now()) + milliseconds).toISOString();
}

/** What this run made, by its name. */
async function ownRecords({ deps, plan, driver }: Execution, name: string): Promise<KeyRecord[]> {
  const context = await deps.context(plan.facts.connection, driver);
  const records = (await driver.list?.(context, { attributes: plan.facts.attributes })) ?? [];
  return records.filter((record) => record.name === name && record.state === "active");
}

async function setPrepared(execution: Execution, context: DriverContext, request: IssueRequest, destroy: boolean): Promise<void> {
  const { driver } = execution;
  await once(execution, {
    key: "prepare",
    destroy: false,
    send: async () => {
      const prepared = (await firstStaged(execution)) ?? (await (driver.prepare?.(context, request) ?? missing(driver, "prepare")));
      try {
        await stage(execution, "prepare", prepared);
      } finally {
        prepared.secret.wipe();
      }
    },
    // nothing has happened outside the secret manager: staging the same value again is the same pending entry
    observe: async () => ({ done: false }),
  });
  await once<Minted>(execution, {
    key: "issue",
    destroy,
    send: async () => {
      const prepared = await firstStaged(execution);
      if (prepared === undefined)
        throw new HoldError(
          "new-value-gone",
          "the staged value is gone before it was set; nothing was changed at the provider. Cancel this run and rotate again",
        );
      try {
        const { record, companions } = await (driver.issue?.(context, { ...request, prepared }) ?? missing(driver, "issue"));
        return { record, companions: { ...prepared.companions, ...companions }, fingerprint: execution.deps.fingerprint(prepared.secret) };
      } finally {
        prepared.secret.wipe();
      }
    },
    observe: async () => ({ done: false }),
  });
}

async function stageIssued(execution: Execution, issued: Issued): Promise<Minted> {
  try {
    await stage(execution, "issue", issued);
    const { record, companions, oldEndsAt } = issued;
    const fingerprint = execution.deps.fingerprint(issued.secret);
    return { record, companions, fingerprint, ...(oldEndsAt === undefined ? {} : { oldEndsAt }) };
  } finally {
    issued.secret.wipe();
  }
}

/**
 * Writes the value into every pending place, again and again where the secret manager does not answer: it exists nowhere else, and a
 * failure here must never look as if nothing had been issued. The fence is asked before each write: the one before may have taken long.
 */
async function stage(execution: Execution, key: string, value: Prepared): Promise<void> {
  const { deps, lease, run } = execution;
  for (const place of stagingPlaces(execution)) {
    const { sink, context } = await deps.sink(place);
    await read(deps, "the secret manager", async () => {
      const current = place.format === "url" ? await sink.read(context, place) : undefined;
      const fields = fieldsOf(place, value, current?.fields);
      await deps.journal.send(lease, key);
      try {
        await sink.pend(context, place, run.id, fields);
      } finally {
        wipe(fields);
        wipe(current?.fields);
      }
    });
  }
}

/** What is known of the staged credential, or undefined where any place lacks it. */
export async function stagedEverywhere(execution: Execution): Promise<Pick<Minted, "companions" | "fingerprint"> | undefined> {
  let found: Pick<Minted, "companions" | "fingerprint"> | undefined;
  for (const place of stagingPlaces(execution)) {
    const staged = await stagedAt(execution, place);
    if (staged === undefined) return undefined;
    found = { companions: { ...found?.companions, ...staged.companions }, fingerprint: execution.deps.fingerprint(staged.secret) };
    staged.secret.wipe();
  }
  return found;
}

async function firstStaged(execution: Execution): Promise<Prepared | undefined> {
  for (const place of stagingPlaces(execution)) {
    const staged = await stagedAt(execution, place);
    if (staged !== undefined) return staged;
  }
  return undefined;
}

async function stagedAt({ deps, run }: Execution, place: PlannedSink): Promise<Prepared | undefined> {
  const { sink, context } = await deps.sink(place);
  return valueIn(place, await sink.readPending(context, place, run.id));
}

/** The pending entries of this run: they expire by themselves, but only softly. */
export async function dropStaged(execution: Execution): Promise<void> {
  for (const place of stagingPlaces(execution)) {
    const { sink, context } = await execution.deps.sink(place);
    await sink.drop(context, place, execution.run.id);
  }
}

function stagingPlaces({ plan }: Execution): readonly PlannedSink[] {
  return plan.facts.sinks.filter(({ lacks = [] }) => !lacks.includes("pending"));
}
