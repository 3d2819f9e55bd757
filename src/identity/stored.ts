import type { Finding } from "../finding.ts";
import { declarationOf } from "./declared.ts";
import type { Graph } from "./graph.ts";

/** A place in a secret manager. `connection` is the name in rekey.yml, or the kind of store where only the repository names it. */
export interface StoredAt {
  readonly connection: string;
  readonly path: string;
  readonly field?: string;
}

/** Where the repository says that a finding's credential is kept: what people declared, else the entries that its variable is taken from. */
export function storedAt(finding: Finding, graph: Graph, variable: string | undefined): readonly StoredAt[] {
  const declared = declarationOf(finding.identities, finding.detector, graph.declared, variable)?.sinks ?? [];
  if (declared.length > 0)
    return declared.map(({ connection, path, field }) => ({ connection, path, ...(field === undefined ? {} : { field }) }));
  if (variable === undefined) return [];
  const entries = graph.edges.filter(
    ({ from, to, relation }) =>
      relation === "stored_in" && from.startsWith("variable:") && from.endsWith(`#${variable}`) && to.startsWith("store-entry:"),
  );
  return [...new Set(entries.map(({ to }) => to))].flatMap((id) => {
    const [, connection, path, field] = /^store-entry:([^/]+)\/(.+)#([^#]*)$/.exec(id) ?? [];
    if (connection === undefined || path === undefined) return [];
    return [{ connection, path, ...(field === undefined || field === "" ? {} : { field }) }];
  });
}

/**
 * The field under which people declared that such a credential of one of the finding's identities is stored; undefined where there is
 * more than one. Good enough for a name, not to write anything there.
 */
export function declaredField(finding: Finding, { declared }: Graph): string | undefined {
  const linked = declared?.identities.filter((entry) =>
    finding.identities.some(({ kind, name }) => entry.kind === kind && entry.name === name),
  );
  const places = linked?.flatMap(({ credentials }) => credentials).filter(({ detector }) => detector === finding.detector) ?? [];
  const fields = new Set(places.flatMap(({ stored_in }) => stored_in.flatMap(({ field }) => field ?? [])));
  return fields.size === 1 ? [...fields][0] : undefined;
}

/**
 * The command that reads an entry, for a person with the right to; undefined for stores that give nothing back, and for names that
 * a shell would not take as they are. `type`: of the connection, or the kind of store.
 */
export function readCommand(type: string, { path, field }: StoredAt): string | undefined {
  const word = /^[A-Za-z0-9][\w./@+=:-]{0,300}$/;
  if (!word.test(path) || (field !== undefined && !word.test(field))) return undefined;
  const [mount = "", ...rest] = path.split("/");
  switch (type) {
    case "vault":
      return `vault kv get -mount=${mount}${field === undefined ? "" : ` -field=${field}`} ${rest.join("/")}`;
    case "aws-secrets-manager":
      return `aws secretsmanager get-secret-value --secret-id ${path} --query SecretString --output text`;
    case "kubernetes":
      return field === undefined || rest.length === 0
        ? undefined
        : `kubectl -n ${mount} get secret ${rest.join("/")} -o jsonpath='{.data.${field.replaceAll(".", "\\.")}}' | base64 -d`;
    case "op":
      return `op read op://${path}`;
    default:
      return undefined;
  }
}
