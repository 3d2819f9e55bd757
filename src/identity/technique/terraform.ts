import { isPlainName } from "../../agent-config/slot/mask.ts";
import type { IdentityKind } from "../../finding.ts";
import { edgesOf, joined, localIdentity, nativeIdentity, resourceNode, type Where } from "../edge.ts";
import { type Block, type Expression, hclValue, readHcl } from "../mention/hcl.ts";
import { lineCounter } from "../mention/mention.ts";
import { dirname } from "../mention/path.ts";
import type { Contribution, GraphIdentity, SourceFile, Technique } from "../model.ts";
import { actionsText, type Grant, grantedResources, grantsOf, texts } from "../policy.ts";

const method = "terraform";
const edge = edgesOf(method);

/**
 * Roles and service accounts of Terraform, who runs with them, and what their policies allow. A reference is followed within its own
 * folder, which is a module; nothing is evaluated.
 */
export const terraformRoles: Technique = {
  method,
  find({ files, scope }) {
    const modules = Map.groupBy(
      files.filter(({ path, text }) => /\.tf$/.test(path) && text.length <= 1 << 20),
      ({ path }) => dirname(path),
    );
    return joined([...modules.values()].map((module) => ofModule(module, scope)));
  },
};

/** Whom a resource of these types is. */
const principals = new Map<string, IdentityKind>([
  ["aws_iam_role", "cloud-role"],
  ["google_service_account", "service-account"],
  ["azurerm_user_assigned_identity", "service-account"],
]);

interface Declared {
  /** `aws_iam_role.bot`, `data.aws_iam_policy_document.bot` */
  readonly address: string;
  readonly type: string;
  readonly block: Block;
  readonly where: Where;
  readonly lineOf: (offset: number) => number;
}

interface Module {
  readonly scope: string;
  readonly byAddress: ReadonlyMap<string, Declared>;
  readonly principals: ReadonlyMap<string, GraphIdentity>;
}

function ofModule(files: readonly SourceFile[], scope: string): Contribution {
  const all = files.flatMap(declaredIn);
  const byAddress = new Map(all.map((one) => [one.address, one]));
  const known = new Map(
    all.flatMap(({ address, type, where }): [string, GraphIdentity][] => {
      const kind = principals.get(type);
      return kind === undefined ? [] : [[address, localIdentity(kind, address, scope, where)]];
    }),
  );
  const module: Module = { scope, byAddress, principals: known };
  return joined([{ identities: [...known.values()] }, ...all.map((one) => ofDeclared(one, module))]);
}

function declaredIn({ path, text }: SourceFile): Declared[] {
  const lineOf = lineCounter(text);
  return readHcl(text).flatMap((block): Declared[] => {
    const [type, name] = block.labels;
    if ((block.type !== "resource" && block.type !== "data") || type === undefined || name === undefined) return [];
    if (!isPlainName(name)) return [];
    const address = `${block.type === "data" ? "data." : ""}${type}.${name}`;
    return [{ address, type: block.type === "data" ? `data.${type}` : type, block, where: { path, line: lineOf(block.start) }, lineOf }];
  });
}

function ofDeclared(one: Declared, module: Module): Contribution {
  if (one.type === "aws_iam_role_policy") return ofGrants(one, "role", grantsIn(one.block.attributes.get("policy"), module), module);
  if (one.type === "aws_iam_role_policy_attachment") return ofAttachment(one, module);
  if (/^google_\w+_iam_(?:member|binding)$/.test(one.type)) return ofGoogleMember(one, module);
  if (one.type === "azurerm_role_assignment") return ofAzureAssignment(one, module);
  if (one.type === "aws_iam_role") return ofInlinePolicies(one, module);
  return ofUser(one, module);
}

/** Where a resource says whom it runs as; `execution_role_arn` is the platform's own. */
const runsAs = [
  "role",
  "role_arn",
  "task_role_arn",
  "agent_resource_role_arn",
  "service_account_name",
  "service_account_email",
  "service_account",
  "identity_ids",
];

function ofUser(one: Declared, { scope, principals: known }: Module): Contribution {
  if (one.type.startsWith("data.") || one.type.includes("_iam_")) return {};
  const kind: IdentityKind = /bedrockagent_agent$|bedrockagentcore_agent_runtime$|dialogflow_cx_agent$/.test(one.type)
    ? "agent"
    : "workload";
  const user = localIdentity(kind, one.address, scope, one.where);
  return joined(
    expressionsOf(one.block, runsAs).map((expression): Contribution => {
      const principal = referredIn(expression.text, known);
      const arn = /^"(arn:aws[\w-]*:iam::\d{12}:role\/[\w+=,.@/-]{1,600})"$/.exec(expression.text)?.[1];
      const where = { ...one.where, line: one.lineOf(expression.start + 1) };
      const role = principal ?? (arn === undefined ? undefined : nativeIdentity("cloud-role", arn, where));
      if (role === undefined) return {};
      return {
        identities: [user, role],
        edges: [edge(user.id, "can_access", role.id, "strong", `${one.address} runs with ${role.name}.`, where)],
      };
    }),
  );
}

/** Attributes of these names in a block and in those inside of it. */
function expressionsOf(block: Block, names: readonly string[]): Expression[] {
  const own = names.flatMap((name) => block.attributes.get(name) ?? []);
  return [...own, ...block.blocks.flatMap((inner) => expressionsOf(inner, names))];
}

/** The one principal that an expression names, as `aws_iam_role.bot.arn` or inside of a string. */
function referredIn(text: string, known: ReadonlyMap<string, GraphIdentity>): GraphIdentity | undefined {
  const found = new Set(
    [...text.matchAll(/(?<![\w.])((?:data\.)?[a-z]\w{1,80}\.[\w-]{1,100})\.(?:arn|id|name|email|member|principal_id|client_id)\b/g)].map(
      ([, address = ""]) => address,
    ),
  );
  return found.size === 1 ? known.get([...found][0] ?? "") : undefined;
}

function ofAttachment(one: Declared, module: Module): Contribution {
  const policy = one.block.attributes.get("policy_arn");
  const arn = /^"(arn:aws[\w-]*:iam::(?:aws|\d{12}):policy\/[\w+=,.@/-]{1,600})"$/.exec(policy?.text ?? "")?.[1];
  const role = referredIn(one.block.attributes.get("role")?.text ?? "", module.principals);
  if (policy === undefined || role === undefined) return {};
  const where = { ...one.where, line: one.lineOf(policy.start + 1) };
  if (arn !== undefined) {
    const resource = resourceNode(arn);
    return { nodes: [resource], edges: [edge(role.id, "can_access", resource.id, "strong", `${role.name} has the policy ${arn}.`, where)] };
  }
  const address = /^(aws_iam_policy\.[\w-]{1,100})\.arn$/.exec(policy.text)?.[1];
  const attached = address === undefined ? undefined : module.byAddress.get(address);
  return attached === undefined ? {} : ofGrants(one, "role", grantsIn(attached.block.attributes.get("policy"), module), module);
}

function ofInlinePolicies(one: Declared, module: Module): Contribution {
  const role = module.principals.get(one.address);
  const grants = one.block.blocks
    .filter(({ type }) => type === "inline_policy")
    .flatMap(({ attributes }) => grantsIn(attributes.get("policy"), module));
  return role === undefined ? {} : granted(role, grants, one, module);
}

function ofGrants(one: Declared, attribute: string, grants: readonly Grant[], module: Module): Contribution {
  const role = referredIn(one.block.attributes.get(attribute)?.text ?? "", module.principals);
  return role === undefined ? {} : granted(role, grants, one, module);
}

function granted(role: GraphIdentity, grants: readonly Grant[], { where }: Declared, module: Module): Contribution {
  return joined(
    grants.flatMap((grant) =>
      grantedResources(grant, (reference) => referred(reference, module)).map((native): Contribution => {
        const resource = resourceNode(native);
        const text = `${role.name} may ${actionsText(grant.actions)} on ${native}.`;
        return isPlainName(native) ? { nodes: [resource], edges: [edge(role.id, "can_access", resource.id, "strong", text, where)] } : {};
      }),
    ),
  );
}

/** `jsonencode({…})`, a heredoc, or a policy document of the same module. */
function grantsIn(policy: Expression | undefined, { byAddress }: Module): Grant[] {
  if (policy === undefined) return [];
  const address = /^(data\.aws_iam_policy_document\.[\w-]{1,100})\.(?:json|minified_json)$/.exec(policy.text)?.[1];
  if (address === undefined) return grantsOf(hclValue(policy));
  const document = byAddress.get(address);
  return (document?.block.blocks ?? [])
    .filter(({ type, attributes }) => type === "statement" && attributes.get("effect")?.text !== '"Deny"')
    .flatMap(({ attributes, start }) => {
      const list = (name: string): string[] => {
        const expression = attributes.get(name);
        return expression === undefined ? [] : texts(hclValue(expression));
      };
      return list("resources").map((resource) => ({ actions: list("actions"), resource, start }));
    });
}

/** `${aws_s3_bucket.docs.arn}/*` → the ARN where the block gives the bucket's name, else the address itself. */
function referred(reference: string, { byAddress, scope }: Module): string | undefined {
  const match = /^(?:\$\{)?([a-z]\w{1,80}\.[\w-]{1,100})\.(?:arn|id|name)(?:\[0\])?\}?([\w/*.-]{0,200})$/.exec(reference);
  const found = match === null ? undefined : byAddress.get(match[1] ?? "");
  if (match === null || found === undefined) return undefined;
  const bucket = found.type === "aws_s3_bucket" ? literal(found.block, "bucket") : undefined;
  return bucket === undefined ? `${scope}#${found.where.path}#${found.address}` : `arn:aws:s3:::${bucket}${match[2] ?? ""}`;
}

function ofGoogleMember(one: Declared, { principals: known }: Module): Contribution {
  const { attributes } = one.block;
  const member = attributes.get("member") ?? attributes.get("members");
  const account = member === undefined ? undefined : referredIn(member.text, known);
  const role = literal(one.block, "role");
  if (member === undefined || account === undefined || role === undefined) return {};
  const names: readonly [attribute: string, prefix: string][] = [
    ["bucket", "gs://"],
    ["secret_id", "gcp:secret/"],
    ["project", "gcp:project/"],
  ];
  const native = names.flatMap(([attribute, prefix]) => {
    const name = literal(one.block, attribute);
    return name === undefined ? [] : [`${prefix}${name}`];
  })[0];
  const resource = resourceNode(native ?? `gcp:${role}`);
  const where = { ...one.where, line: one.lineOf(member.start + 1) };
  return {
    nodes: [resource],
    edges: [edge(account.id, "can_access", resource.id, "strong", `${account.name} has the role ${role} on ${resource.name}.`, where)],
  };
}

function ofAzureAssignment(one: Declared, { principals: known, scope }: Module): Contribution {
  const principal = referredIn(one.block.attributes.get("principal_id")?.text ?? "", known);
  const target = one.block.attributes.get("scope");
  const address = /^([a-z]\w{1,80}\.[\w-]{1,100})\.id$/.exec(target?.text ?? "")?.[1];
  if (principal === undefined || target === undefined || address === undefined) return {};
  const resource = resourceNode(`${scope}#${one.where.path}#${address}`);
  const role = literal(one.block, "role_definition_name") ?? "a role";
  const where = { ...one.where, line: one.lineOf(target.start + 1) };
  return {
    nodes: [resource],
    edges: [edge(principal.id, "can_access", resource.id, "strong", `${principal.name} has ${role} on ${address}.`, where)],
  };
}

function literal({ attributes }: Block, name: string): string | undefined {
  return /^"([\w./:@-]{1,200})"$/.exec(attributes.get(name)?.text ?? "")?.[1];
}
