import {
  CreateSecretCommand,
  DeleteSecretCommand,
  GetSecretValueCommand,
  ListSecretsCommand,
  type ListSecretsCommandOutput,
  type SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { awsErrorName, awsFailure, awsKeyOf, connectSecretsManager } from "../connection/aws.ts";
import type { DriverContext, Quarantine } from "../driver.ts";
import { HoldError } from "../errors.ts";
import { Secret } from "../secret.ts";

/** Kept out of the inventory: our own copies of values are no places that store a credential. */
export const awsQuarantinePrefix = "rekey-quarantine/";

/** A secret of its own for each value. AWS lets nothing expire, so its tag says until when, and `sweep` deletes what is over. */
export const awsQuarantine: Quarantine = {
  async keep(context, name, secret, ttl) {
    try {
      await connect(context).send(
        new CreateSecretCommand({
          Name: nameOf(name),
          SecretString: secret.reveal(),
          Description: "A leaked value that waits for its last probe; Rekey deletes it",
          Tags: [{ Key: expiryTag, Value: String(Date.now() + ttl) }],
        }),
      );
    } catch (error) {
      if (awsErrorName(error) === "ResourceExistsException") return sameOrHold(context, name, secret);
      throw awsFailure(error, "quarantining a value", { safe: false });
    }
  },

  async read(context, name) {
    try {
      const { SecretString } = await connect(context).send(
        new GetSecretValueCommand({ SecretId: nameOf(name), VersionStage: "AWSCURRENT" }),
      );
      return SecretString === undefined ? undefined : Secret.from(SecretString);
    } catch (error) {
      if (awsErrorName(error) === "ResourceNotFoundException") return undefined;
      throw awsFailure(error, "reading a quarantined value", { safe: true });
    }
  },

  destroy: (context, name) => remove(connect(context), nameOf(name)),

  async sweep(context) {
    const client = connect(context);
    let next: string | undefined;
    do {
      let page: ListSecretsCommandOutput;
      try {
        page = await client.send(
          new ListSecretsCommand({
            MaxResults: 100,
            Filters: [{ Key: "name", Values: [awsQuarantinePrefix] }],
            ...(next === undefined ? {} : { NextToken: next }),
          }),
        );
      } catch (error) {
        throw awsFailure(error, "listing quarantined values", { safe: true });
      }
      for (const { Name = "", Tags = [] } of page.SecretList ?? []) {
        const until = Number(Tags.find(({ Key }) => Key === expiryTag)?.Value);
        if (Name.startsWith(awsQuarantinePrefix) && until < Date.now()) await remove(client, Name);
      }
      next = page.NextToken;
    } while (next !== undefined);
  },
};

/** Milliseconds since 1970. */
const expiryTag = "rekey-expires";

function connect({ host, credential, timeout, signal }: DriverContext): SecretsManagerClient {
  return connectSecretsManager({ host, key: awsKeyOf(credential), timeout, signal });
}

function nameOf(name: string): string {
  if (/^[\w-]{1,60}$/.test(name)) return `${awsQuarantinePrefix}${name}`;
  throw new HoldError("bad-place", "a quarantined value is named by its incident");
}

async function sameOrHold(context: DriverContext, name: string, secret: Secret): Promise<void> {
  const present = await awsQuarantine.read(context, name);
  const same = present?.reveal() === secret.reveal();
  present?.wipe();
  if (!same) throw new HoldError("quarantine-taken", `${nameOf(name)} holds another value; look at it, and delete it if nobody needs it`);
}

async function remove(client: SecretsManagerClient, name: string): Promise<void> {
  try {
    await client.send(new DeleteSecretCommand({ SecretId: name, ForceDeleteWithoutRecovery: true }));
  } catch (error) {
    if (awsErrorName(error) !== "ResourceNotFoundException") throw awsFailure(error, "destroying a quarantined value", { safe: true });
  }
}
