import {
  DescribeSecretCommand,
  type DescribeSecretCommandOutput,
  GetResourcePolicyCommand,
  type SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { awsErrorName, awsFailure, awsKeyOf, connectSecretsManager } from "../connection/aws.ts";
import type { DriverContext, PlaceState, SinkPlace } from "../driver.ts";

/** What AWS itself does with a secret, and who else decides about it: told in the plan before anything is written. */
export async function inspectAwsSecret(context: DriverContext, place: SinkPlace): Promise<PlaceState> {
  const { host, timeout, signal } = context;
  const client = connectSecretsManager({ host, key: awsKeyOf(context.credential), timeout, signal });
  let secret: DescribeSecretCommandOutput;
  try {
    secret = await client.send(new DescribeSecretCommand({ SecretId: place.path }));
  } catch (error) {
    if (awsErrorName(error) !== "ResourceNotFoundException") throw awsFailure(error, "looking at a secret", { safe: true });
    return { blocked: "there is no such secret in AWS Secrets Manager; create it, or correct stored_in", notes: [] };
  }
  const blocked = reasonNotToWrite(secret, host);
  return {
    ...(blocked === undefined ? {} : { blocked }),
    notes: [...rotationNotes(secret), ...replicationNotes(secret), ...(await policyNotes(client, place))],
  };
}

/** AWSPENDING away from AWSCURRENT is how AWS marks a rotation that has begun (API_RotateSecret); undefined = none. */
export function rotationUnderWay(stages: ReadonlyMap<string, readonly string[]>): string | undefined {
  const [pending, now] = ["AWSPENDING", "AWSCURRENT"].map((stage) => [...stages].find(([, names]) => names.includes(stage))?.[0]);
  if (pending === undefined || pending === now) return undefined;
  return `a rotation of AWS is under way (AWSPENDING on version ${pending.slice(0, 36)}) and would replace ours; wait for it, or end it with cancel-rotate-secret and remove that stage`;
}

function reasonNotToWrite(secret: DescribeSecretCommandOutput, region: string): string | undefined {
  if (secret.DeletedDate !== undefined) return "it is scheduled for deletion; restore it, or correct stored_in";
  if (secret.OwningService !== undefined)
    return `the AWS service ${secret.OwningService} manages it and would write its own values; rotate it there`;
  if (secret.PrimaryRegion !== undefined && secret.PrimaryRegion !== region && !/^https?:/.test(region))
    return `this is a replica; declare the primary in ${secret.PrimaryRegion}, from where AWS copies it`;
  return rotationUnderWay(new Map(Object.entries(secret.VersionIdsToStages ?? {})));
}

function rotationNotes({ RotationEnabled, RotationRules, RotationLambdaARN }: DescribeSecretCommandOutput): string[] {
  if (RotationEnabled !== true) return [];
  const { AutomaticallyAfterDays: days, ScheduleExpression: schedule } = RotationRules ?? {};
  const when = schedule ?? (days === undefined ? "on a schedule" : `every ${days} days`);
  const by = RotationLambdaARN?.split(":").at(-1);
  return [
    `AWS rotates it ${when}${by === undefined ? "" : ` with the function ${by}`}: its next rotation makes another value, and must know the one that Rekey stores`,
  ];
}

function replicationNotes({ ReplicationStatus: replicas = [] }: DescribeSecretCommandOutput): string[] {
  return replicas.length === 0
    ? []
    : [`replicated to ${replicas.map(({ Region, Status }) => `${Region} (${Status ?? "unknown"})`).join(", ")}`];
}

/** Only what a policy plainly says: whether one applies cannot be known without evaluating conditions. */
async function policyNotes(client: SecretsManagerClient, { path }: SinkPlace): Promise<string[]> {
  let text: string | undefined;
  try {
    text = (await client.send(new GetResourcePolicyCommand({ SecretId: path }))).ResourcePolicy;
  } catch (error) {
    if (awsErrorName(error) === "ResourceNotFoundException") return [];
    if (/AccessDenied/.test(awsErrorName(error) ?? "")) return ["its resource policy could not be read (GetResourcePolicy)"];
    throw awsFailure(error, "reading a resource policy", { safe: true });
  }
  if (text === undefined || text === "") return [];
  const statements = statementsOf(text);
  const denied = statements.filter(({ Effect }) => Effect === "Deny").flatMap(({ Action }) => [Action ?? "*"].flat());
  const words = denied.filter((action): action is string => typeof action === "string" && /^[\w:*]{1,80}$/.test(action));
  return [
    `a resource policy decides who may use it${words.length === 0 ? "" : `, and denies ${[...new Set(words)].sort().join(", ")} to some`}`,
  ];
}

function statementsOf(text: string): readonly { readonly Effect?: unknown; readonly Action?: unknown }[] {
  try {
    const { Statement } = JSON.parse(text) as { Statement?: unknown };
    return [Statement ?? []].flat().filter((one) => typeof one === "object" && one !== null);
  } catch {
    return [];
  }
}
