import type { Migration } from "kysely/migration";
import { foundation } from "./001-foundation.ts";
import { rotation } from "./010-rotation.ts";
import { github } from "./020-github.ts";
import { rotationControl } from "./020-rotation-control.ts";
import { incidentIndex } from "./030-incident-index.ts";
import { governance } from "./040-governance.ts";
import { rollout } from "./040-rollout.ts";
import { access } from "./050-access.ts";
import { notify } from "./060-notify.ts";
import { storeInventory } from "./070-store-inventory.ts";
import { alerts } from "./080-alerts.ts";
import { acceptance } from "./090-acceptance.ts";
import { runtime } from "./100-runtime.ts";
import { keyHash } from "./110-key-hash.ts";
import { backfill } from "./120-backfill.ts";
import { chain } from "./130-chain.ts";
import { silenced } from "./130-silenced.ts";

/** Every migration, by the name that the database remembers. Add a file and a line; never change one that was released. */
export const migrations: Readonly<Record<string, Migration>> = {
  "001-foundation": foundation,
  "010-rotation": rotation,
  "020-rotation-control": rotationControl,
  "030-incident-index": incidentIndex,
  "040-governance": governance,
  "020-github": github,
  "040-rollout": rollout,
  "050-access": access,
  "060-notify": notify,
  "070-store-inventory": storeInventory,
  "080-alerts": alerts,
  "090-acceptance": acceptance,
  "100-runtime": runtime,
  "110-key-hash": keyHash,
  "120-backfill": backfill,
  "130-chain": chain,
  "130-silenced": silenced,
};
