import { readTree } from "../../agent-config/format/read.ts";
import { field, select, type Tree } from "../../agent-config/format/tree.ts";
import { isPlainName } from "../../agent-config/slot/mask.ts";
import { joined, localIdentity, nativeIdentity, resourceNode } from "../edge.ts";
import { cloudResources, isTemplatePath } from "../mention/cloudformation.ts";
import { isOpen } from "../mention/helm.ts";
import { isKubernetesPath, resourceName, resourcesOf, textOf } from "../mention/kubernetes.ts";
import { lineCounter } from "../mention/mention.ts";
import { type Contribution, type GraphEdge, type GraphIdentity, identityId, type SourceFile, type Technique } from "../model.ts";
import { actionsText, grantedResources, grantsOf, texts } from "../policy.ts";

const method = "workload-identity";

/**
 * Identities without a key: the service account of a pod, the cloud role behind it, the role that a CI job assumes, the role of
 * a function. What such a role may do, the workload may do: `can_access`, read where one file names both.
 */
export const workloadIdentity: Technique = {
  method,
  find({ files, scope }) {
    const small = files.filter(({ text }) => text.length <= 1 << 20);
    const accounts = serviceAccounts(small, scope);
    const parts = [
      ...[...accounts.values()].flat(),
      ...small.flatMap((file) => [...pods(file, scope, accounts), ...jobs(file, scope), ...functions(file, scope)]),
    ];
    return joined(parts);
  },
};

type Accounts = ReadonlyMap<string, readonly (Contribution & { readonly account: GraphIdentity })[]>;

/** Annotations by which a cloud lets a Kubernetes account act as one of its own identities. */
const annotations: readonly [key: string, kind: "cloud-role" | "service-account", shape: RegExp][] = [
  ["eks.amazonaws.com/role-arn", "cloud-role", /^arn:aws[\w-]*:iam::\d{12}:role\/[\w+=,.@/-]{1,600}$/],
  ["iam.gke.io/gcp-service-account", "service-account", /^[a-z0-9-]{1,63}@[a-z0-9.:-]{1,100}\.gserviceaccount\.com$/],
  ["azure.workload.identity/client-id", "service-account", /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i],
];

function serviceAccounts(files: readonly SourceFile[], scope: string): Accounts {
  const found = files.flatMap(({ path, text }) => {
    if (!isKubernetesPath(path) || !text.includes("ServiceAccount")) return [];
    const lineOf = lineCounter(text);
    return resourcesOf(path, text).flatMap((resource) => {
      const named = resourceName(resource);
      if (named?.kind !== "ServiceAccount" || !isPlainName(named.name)) return [];
      const account: GraphIdentity = {
        id: identityId("service-account", scope, path, `${named.namespace}/${named.name}`),
        kind: "service-account",
        name: `${named.namespace}/${named.name}`,
        locations: [{ path, startLine: lineOf(resource.start) }],
      };
      const marks = field(field(resource, "metadata"), "annotations");
      const bound = annotations.flatMap(([key, kind, shape]): Contribution[] => {
        const node = field(marks, key);
        const native = textOf(node);
        if (node === undefined || native === undefined || !shape.test(native)) return [];
        const where = { path, line: lineOf(node.start) };
        return [to({ kind, native }, account.id, `The annotation ${key} lets service account ${account.name} act as ${native}.`, where)];
      });
      return [{ key: `${named.namespace}/${named.name}`, account, ...joined([{ identities: [account] }, ...bound]) }];
    });
  });
  return Map.groupBy(found, ({ key }) => key);
}

const podSpecs = ["/spec", "/spec/template/spec", "/spec/jobTemplate/spec/template/spec"];

/** Only accounts that the repository defines, and only where one file defines them: the name alone says nothing of another cluster. */
function pods({ path, text }: SourceFile, scope: string, accounts: Accounts): Contribution[] {
  if (!isKubernetesPath(path) || !text.includes("serviceAccount")) return [];
  const lineOf = lineCounter(text);
  return resourcesOf(path, text).flatMap((resource) => {
    const named = resourceName(resource);
    if (named === undefined) return [];
    return podSpecs.flatMap((spec): Contribution[] => {
      const [at] = [...select(resource, `${spec}/serviceAccountName`), ...select(resource, `${spec}/serviceAccount`)];
      const name = textOf(at?.node);
      if (at === undefined || name === undefined || isOpen(name)) return [];
      const [account, ...more] = accounts.get(`${named.namespace}/${name}`) ?? [];
      if (account === undefined || more.length > 0) return [];
      const workload = localIdentity("workload", `${named.kind}/${named.name}`, scope, { path, line: lineOf(resource.start) });
      const text = `${workload.name} runs as service account ${account.account.name}.`;
      return [{ identities: [workload], edges: [edge(workload.id, account.account.id, text, { path, line: lineOf(at.node.start) })] }];
    });
  });
}

/** `role-to-assume` of aws-actions/configure-aws-credentials, `service_account` of google-github-actions/auth. */
function jobs({ path, text }: SourceFile, scope: string): Contribution[] {
  if (!/(?:^|\/)\.github\/workflows\/[^/]+\.ya?ml$/.test(path)) return [];
  const lineOf = lineCounter(text);
  const all = field(readTree(text, "yaml").root, "jobs");
  if (all?.kind !== "map") return [];
  return all.entries.flatMap(({ key, node }) => {
    const job = localIdentity("ci-job", key, scope, { path, line: lineOf(node.start) });
    const given = [
      ...select(node, "/steps/*/with/role-to-assume").map((one) => ({ node: one.node, mark: annotations[0] })),
      ...select(node, "/steps/*/with/service_account").map((one) => ({ node: one.node, mark: annotations[1] })),
    ];
    return given.flatMap(({ node: at, mark }): Contribution[] => {
      const native = textOf(at);
      if (mark === undefined || native === undefined || !mark[2].test(native)) return [];
      const where = { path, line: lineOf(at.start) };
      return [
        joined([{ identities: [job] }, to({ kind: mark[1], native }, job.id, `ci-job ${job.name} assumes ${native}.`, where, "temporary")]),
      ];
    });
  });
}

/** The role of a function, a task or a Bedrock agent, where the template defines it or names it by its ARN. */
function functions({ path, text }: SourceFile, scope: string): Contribution[] {
  if (!isTemplatePath(path)) return [];
  const lineOf = lineCounter(text);
  const resources = cloudResources(path, text);
  const roles = new Map(
    resources
      .filter(({ type }) => type === "AWS::IAM::Role")
      .map(({ name, node }) => [name, localIdentity("cloud-role", name, scope, { path, line: lineOf(node.start) })]),
  );
  const own = resources.map(({ name, properties }): Contribution => {
    const role = roles.get(name);
    return role === undefined ? {} : joined([{ identities: [role] }, ...policies(role, properties, path, lineOf)]);
  });
  const used = resources.flatMap(({ name, type, node, properties }) => {
    const user = localIdentity(type.startsWith("AWS::Bedrock::Agent") ? "agent" : "workload", name, scope, {
      path,
      line: lineOf(node.start),
    });
    return ["Role", "TaskRoleArn", "AgentResourceRoleArn"].flatMap((key): Contribution[] => {
      const value = field(properties, key);
      if (value === undefined) return [];
      const where = { path, line: lineOf(value.start) };
      const native = textOf(value) ?? "";
      const role = roles.get(referred(value));
      if (role !== undefined)
        return [{ identities: [user], edges: [edge(user.id, role.id, `${name} runs with the role ${role.name}.`, where)] }];
      if (!(annotations[0]?.[2].test(native) ?? false)) return [];
      return [
        joined([{ identities: [user] }, to({ kind: "cloud-role", native }, user.id, `${name} runs with the role ${native}.`, where)]),
      ];
    });
  });
  return [...own, ...used];
}

/** What the role's own policies allow, and the managed ones that it has. */
function policies(role: GraphIdentity, properties: Tree | undefined, path: string, lineOf: (offset: number) => number): Contribution[] {
  const listed = field(properties, "Policies");
  const documents = listed?.kind === "list" ? listed.items.map((item) => field(item, "PolicyDocument")) : [];
  const grants = documents.flatMap(grantsOf).flatMap((grant) =>
    grantedResources(grant, () => undefined).map((native) => ({
      native,
      text: `${role.name} may ${actionsText(grant.actions)} on ${native}.`,
      line: lineOf(grant.start),
    })),
  );
  const managed = texts(field(properties, "ManagedPolicyArns"))
    .filter((arn) => /^arn:aws[\w-]*:iam::(?:aws|\d{12}):policy\/[\w+=,.@/-]{1,600}$/.test(arn))
    .map((native) => ({ native, text: `${role.name} has the policy ${native}.`, line: role.locations[0]?.startLine ?? 1 }));
  return [...grants, ...managed]
    .filter(({ native }) => isPlainName(native))
    .map(({ native, text, line }) => {
      const resource = resourceNode(native);
      return { nodes: [resource], edges: [edge(role.id, resource.id, text, { path, line })] };
    });
}

/** `!GetAtt Role.Arn`, `Fn::GetAtt: [Role, Arn]` → `Role`. The end tells it from an import or a parameter, whose tag is gone here. */
function referred(node: Tree): string {
  const attribute = field(node, "Fn::GetAtt") ?? node;
  const parts = attribute.kind === "list" ? attribute.items.map(textOf) : (textOf(attribute)?.split(".") ?? []);
  return parts.length === 2 && parts[1] === "Arn" ? (parts[0] ?? "") : "";
}

function to(
  { kind, native }: { kind: "cloud-role" | "service-account"; native: string },
  from: string,
  text: string,
  where: { path: string; line: number },
  access?: "temporary",
): Contribution {
  const role = nativeIdentity(kind, native, where);
  return { identities: [role], edges: [{ ...edge(from, role.id, text, where), ...(access === undefined ? {} : { access }) }] };
}

function edge(from: string, target: string, text: string, where: { path: string; line: number }): GraphEdge {
  return { from, to: target, relation: "can_access", method, grade: "strong", evidence: [{ method, grade: "strong", text, ...where }] };
}
