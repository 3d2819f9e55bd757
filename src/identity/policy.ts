import { field, type Tree } from "../agent-config/format/tree.ts";
import { textOf } from "./mention/kubernetes.ts";

/** What an allowing statement of an AWS policy grants, on one resource. */
export interface Grant {
  readonly actions: readonly string[];
  /** As it is written; `*` is every resource. */
  readonly resource: string;
  /** Offset of the statement. */
  readonly start: number;
}

const mostGrants = 500;

/** The grants of a policy document. A denying statement takes away and is no grant; what conditions narrow is still one. */
export function grantsOf(document: Tree | undefined): Grant[] {
  const statements = field(document, "Statement");
  const list = statements?.kind === "list" ? statements.items : statements === undefined ? [] : [statements];
  return list
    .filter((statement) => textOf(field(statement, "Effect")) === "Allow")
    .flatMap((statement) => {
      const actions = texts(field(statement, "Action"));
      return texts(field(statement, "Resource")).map((resource) => ({ actions, resource, start: statement.start }));
    })
    .slice(0, mostGrants);
}

export function texts(node: Tree | undefined): string[] {
  const items = node?.kind === "list" ? node.items : node === undefined ? [] : [node];
  return items.flatMap((item) => textOf(item) ?? []);
}

/**
 * The names of what a grant is on: an ARN as it is; of `*` the services of its actions (`aws:s3/*`). Undefined where the resource is a
 * reference, which `refer` could not follow.
 */
export function grantedResources({ actions, resource }: Grant, refer: (reference: string) => string | undefined): string[] {
  if (resource === "*") return [...new Set(actions.map((action) => (action === "*" ? "aws:*" : `aws:${action.split(":")[0] ?? "*"}/*`)))];
  if (/^arn:aws[\w-]*:[\w:./*?$+=,@-]{1,600}$/.test(resource) && !resource.includes("${")) return [resource];
  const referred = refer(resource);
  return referred === undefined ? [] : [referred];
}

/** At most three actions for a sentence. */
export function actionsText(actions: readonly string[]): string {
  const shown = actions.slice(0, 3).join(", ");
  return actions.length > 3 ? `${shown} and ${actions.length - 3} more` : shown;
}
