import { statements } from "./statements.ts";

/** What was accepted before two people were needed has nobody who agreed. */
export const acceptance = statements(
  `update incident set body = jsonb_set(body, '{acceptance}', '{"approvers": [], "people": 1}'::jsonb || (body -> 'acceptance'))
    where body -> 'acceptance' is not null`,
);
