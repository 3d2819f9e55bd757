import { type EffectState, FencedError, type Journal, type Lease, type Run } from "../../src/rotation/journal.ts";
import type { Situation } from "../../src/rotation/limits.ts";

interface Row {
  run: Run;
  epoch: number;
  leaseUntil: number | undefined;
  effects: Map<string, { state: EffectState; destroy: boolean; result?: unknown }>;
}

/** The journal's contract without a database, on a clock that the test moves. */
export function memoryJournal(clock: { now: number }): Journal {
  const rows = new Map<string, Row>();
  const row = (id: string) => {
    const found = rows.get(id);
    if (found === undefined) throw new Error(`there is no ${id}`);
    return found;
  };
  const fence = ({ run, epoch }: Lease, inTime: boolean) => {
    const found = row(run);
    if (found.epoch !== epoch) throw new FencedError(`lease ${epoch} of ${run} was taken over`);
    if (inTime && (found.leaseUntil ?? 0) <= clock.now) throw new FencedError(`lease ${epoch} of ${run} has run out`);
    return found;
  };
  const change = (id: string, to: Partial<Run>) => {
    row(id).run = { ...row(id).run, ...to };
  };
  return {
    async create({ id, incident, credential, plan, breakGlass = false }, admit) {
      const situation: Situation = {
        now: clock.now,
        recent: [...rows.values()].map(({ run }) => ({ driver: run.plan.driver, state: run.state, startedAt: run.startedAt.getTime() })),
      };
      const limit = admit?.(situation);
      if (limit !== undefined) return { state: "limited", limit };
      if ([...rows.values()].some(({ run }) => run.credential === credential && ["running", "held"].includes(run.state)))
        return { state: "open" };
      const run: Run = {
        id,
        incident,
        credential,
        plan: JSON.parse(JSON.stringify(plan)),
        state: "running",
        startedAt: new Date(clock.now),
        cancelled: false,
        breakGlass,
      };
      rows.set(id, { run, epoch: 0, leaseUntil: undefined, effects: new Map() });
      return { state: "created" };
    },
    get: async (id) => rows.get(id)?.run,
    open: async () => [...rows.values()].flatMap(({ run }) => (run.state === "running" ? [run] : [])),
    ofIncident: async (incident) => [...rows.values()].flatMap(({ run }) => (run.incident === incident ? [run] : [])).reverse(),
    endedSince: async () => [...rows.values()].flatMap(({ run }) => (["done", "undone", "failed"].includes(run.state) ? [run] : [])),
    paused: async () => false,
    async claim(id, { ttl, grace }) {
      const found = row(id);
      if (found.leaseUntil !== undefined && clock.now <= found.leaseUntil + grace) return undefined;
      found.epoch++;
      found.leaseUntil = clock.now + ttl;
      return { run: id, epoch: found.epoch };
    },
    async renew(lease, ttl) {
      fence(lease, true).leaseUntil = clock.now + ttl;
    },
    effects: async (id) => [...row(id).effects].map(([key, effect]) => ({ key, ...effect })),
    async intend(lease, { key, destroy }) {
      const { effects } = fence(lease, true);
      effects.set(key, { ...effects.get(key), state: "intended", destroy });
    },
    async send(lease, key) {
      const effect = fence(lease, true).effects.get(key);
      if (effect !== undefined) effect.state = "sent";
    },
    async settle(lease, key, state, result) {
      const effect = fence(lease, false).effects.get(key);
      if (effect === undefined) return;
      effect.state = state;
      if (result !== undefined) effect.result = JSON.parse(JSON.stringify(result));
    },
    async finish(lease, state, why) {
      fence(lease, false).leaseUntil = undefined;
      change(lease.run, { state, endedAt: new Date(clock.now), ...(why ?? {}) });
    },
    async reopen(id) {
      if (row(id).run.state === "held") change(id, { state: "running" });
      row(id).leaseUntil = undefined;
    },
    async cancel(id) {
      change(id, { cancelled: true, state: "running" });
    },
    now: async () => clock.now,
  };
}
