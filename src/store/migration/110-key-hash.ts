import { statements } from "./statements.ts";

/** Finds the credential that a gateway names by its hash. */
export const keyHash = statements(
  `create index occurrence_hashed on occurrence ((finding ->> 'hashed')) where (finding ->> 'hashed') is not null`,
);
