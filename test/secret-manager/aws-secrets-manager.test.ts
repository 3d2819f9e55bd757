import { randomBytes, randomUUID } from "node:crypto";
import {
  CreateSecretCommand,
  DescribeSecretCommand,
  PutResourcePolicyCommand,
  PutSecretValueCommand,
  ReplicateSecretToRegionsCommand,
  UpdateSecretVersionStageCommand,
} from "@aws-sdk/client-secrets-manager";
import { afterAll, describe, expect, test } from "vitest";
import { awsKeyOf, connectSecretsManager } from "../../src/connection/aws.ts";
import { Secret } from "../../src/secret.ts";
import { awsSecretsManager as sink } from "../../src/secret-manager/aws-secrets-manager.ts";
import { uuid5 } from "../../src/secret-manager/uuid5.ts";
import { sinkContract } from "../contract/sink.ts";
import { startMoto } from "../servers/moto.ts";
import { real } from "../servers/real.ts";

const moto = await real("moto", startMoto);
afterAll(() => moto?.stop());

const credential = Secret.from(`${`AKIA${randomBytes(8).toString("hex").toUpperCase()}`}:${randomBytes(20).toString("hex")}`);
const context = { host: moto?.url ?? "us-east-1", credential, timeout: 10_000 };
const client = connectSecretsManager({ host: context.host, key: awsKeyOf(credential), timeout: 10_000 });

test("uuid5 of RFC 9562's example", () => {
  expect(uuid5("www.example.com", "6ba7b810-9dad-11d1-80b4-00c04fd430c8")).toBe("2ed6657d-e927-568b-95e1-2665a8aea6a2");
});

describe.runIf(moto !== undefined)("AWS Secrets Manager", () => {
  /** moto would leave two versions AWSCURRENT after a move and a put without stages, so the stage is always named. */
  async function write(path: string, fields: Readonly<Record<string, string>>): Promise<string> {
    const SecretString = JSON.stringify(fields);
    const created = await client.send(new CreateSecretCommand({ Name: path, SecretString })).catch(() => undefined);
    if (created !== undefined) return created.VersionId ?? "";
    const put = await client.send(new PutSecretValueCommand({ SecretId: path, SecretString, VersionStages: ["AWSCURRENT"] }));
    return put.VersionId ?? "";
  }
  const path = () => `agents/${randomBytes(6).toString("hex")}`;

  sinkContract("moto", () => ({ sink, context, path, write }));

  test("a quarantined value that outlived its time is destroyed, and no other", async () => {
    await sink.quarantine?.keep(context, "RK-old", Secret.from("leaked-before"), -1000);
    await sink.quarantine?.keep(context, "RK-new", Secret.from("leaked-now"), 3_600_000);
    await sink.quarantine?.sweep?.(context);
    expect(await sink.quarantine?.read(context, "RK-old")).toBeUndefined();
    expect((await sink.quarantine?.read(context, "RK-new"))?.reveal()).toBe("leaked-now");
    const other = sink.quarantine?.keep(context, "RK-new", Secret.from("leaked-other"), 3_600_000);
    await expect(other).rejects.toMatchObject({ code: "quarantine-taken" });
  });

  test("a rotation of AWS that is under way blocks the plan and the run, until it has ended", async () => {
    const place = { path: path(), field: "KEY" };
    const from = await write(place.path, { KEY: "old" });
    await sink.pend(context, place, "run-1", { KEY: Secret.from("new") });
    const theirs = await client.send(
      new PutSecretValueCommand({ SecretId: place.path, SecretString: "{}", VersionStages: ["AWSPENDING"] }),
    );
    expect((await sink.inspect?.(context, place))?.blocked).toMatch(/rotation of AWS is under way/);
    await expect(sink.promote(context, place, "run-1", from)).rejects.toMatchObject({ code: "sink-rotating" });
    await expect(sink.pend(context, place, "run-2", { KEY: Secret.from("newer") })).rejects.toMatchObject({ code: "sink-rotating" });
    const stage = { SecretId: place.path, VersionStage: "AWSPENDING", RemoveFromVersionId: theirs.VersionId };
    await client.send(new UpdateSecretVersionStageCommand(stage));
    expect(await sink.inspect?.(context, place)).toEqual({ notes: [] });
    await sink.promote(context, place, "run-1", from);
  });

  test("a plan says where AWS copies a secret to, and that a policy decides who uses it", async () => {
    const place = { path: path(), field: "KEY" };
    await write(place.path, { KEY: "old" });
    await client.send(new ReplicateSecretToRegionsCommand({ SecretId: place.path, AddReplicaRegions: [{ Region: "eu-west-1" }] }));
    const Statement = [{ Effect: "Deny", Principal: "*", Action: "secretsmanager:PutSecretValue", Resource: "*" }];
    const ResourcePolicy = JSON.stringify({ Version: "2012-10-17", Statement });
    await client.send(new PutResourcePolicyCommand({ SecretId: place.path, ResourcePolicy }));
    expect(await sink.inspect?.(context, place)).toEqual({
      notes: [
        "replicated to eu-west-1 (InSync)",
        "a resource policy decides who may use it, and denies secretsmanager:PutSecretValue to some",
      ],
    });
    expect((await sink.inspect?.(context, { path: "absent" }))?.blocked).toMatch(/no such secret/);
  });

  test("AWSPENDING is never used, and a drop leaves no stage of ours", async () => {
    const place = { path: path(), field: "KEY" };
    const from = await write(place.path, { KEY: "old" });
    await sink.pend(context, place, "run-1", { KEY: Secret.from("new") });
    const pending = await client.send(new DescribeSecretCommand({ SecretId: place.path }));
    expect(
      Object.values(pending.VersionIdsToStages ?? {})
        .flat()
        .sort(),
    ).toEqual(["AWSCURRENT", `REKEYBASE:${from}`, "REKEYPENDING"]);
    await sink.promote(context, place, "run-1", from);
    await sink.drop(context, place, "run-1");
    const after = await client.send(new DescribeSecretCommand({ SecretId: place.path }));
    expect(
      Object.values(after.VersionIdsToStages ?? {})
        .flat()
        .sort(),
    ).toEqual(["AWSCURRENT", "AWSPREVIOUS"]);
  });

  /**
   * createSecret and finishSecret as AWS publishes them for rotation functions
   * (https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html).
   */
  async function rotatedByAwsSteps(path: string, token: string, SecretString: string): Promise<void> {
    await client.send(
      new PutSecretValueCommand({ SecretId: path, ClientRequestToken: token, SecretString, VersionStages: ["AWSPENDING"] }),
    );
    const { VersionIdsToStages: stages = {} } = await client.send(new DescribeSecretCommand({ SecretId: path }));
    const current = Object.entries(stages).find(([, of]) => of.includes("AWSCURRENT"))?.[0];
    if (current === token) return;
    await client.send(
      new UpdateSecretVersionStageCommand({
        SecretId: path,
        VersionStage: "AWSCURRENT",
        MoveToVersionId: token,
        RemoveFromVersionId: current,
      }),
    );
  }

  test("after each of two rotations AWS's own labels stand where AWS's published steps put them", async () => {
    const [ours, theirs] = [{ path: path(), field: "KEY" }, path()];
    const labels = async (id: string, names: ReadonlyMap<string, string>) => {
      const { VersionIdsToStages: stages = {} } = await client.send(new DescribeSecretCommand({ SecretId: id }));
      return Object.entries(stages)
        .flatMap(([version, of]) =>
          of.filter((label) => /^AWS(CURRENT|PREVIOUS)$/.test(label)).map((label) => `${label} ${names.get(version)}`),
        )
        .sort();
    };
    const [ourNames, theirNames] = [new Map<string, string>(), new Map<string, string>()];
    let from = await write(ours.path, { KEY: "v1" });
    ourNames.set(from, "v1");
    theirNames.set(await write(theirs, { KEY: "v1" }), "v1");
    for (const version of ["v2", "v3"]) {
      await sink.pend(context, ours, `run-${version}`, { KEY: Secret.from(version) });
      const promoted = await sink.promote(context, ours, `run-${version}`, from);
      await sink.drop(context, ours, `run-${version}`);
      from = promoted.version;
      ourNames.set(from, version);
      const token = randomUUID();
      theirNames.set(token, version);
      await rotatedByAwsSteps(theirs, token, JSON.stringify({ KEY: version }));
      const expected = await labels(theirs, theirNames);
      expect(expected).toEqual([`AWSCURRENT ${version}`, `AWSPREVIOUS ${version === "v2" ? "v1" : "v2"}`]);
      expect(await labels(ours.path, ourNames)).toEqual(expected);
    }
  });

  test("a pending version made from an older one is not promoted over what came between", async () => {
    const place = { path: path(), field: "KEY" };
    await write(place.path, { KEY: "old", OTHER: "1" });
    await sink.pend(context, place, "run-1", { KEY: Secret.from("new") });
    const theirs = await write(place.path, { KEY: "old", OTHER: "2" });
    await expect(sink.promote(context, place, "run-1", theirs)).rejects.toMatchObject({ code: "sink-conflict" });
    expect((await sink.read(context, place))?.fields["OTHER"]?.reveal()).toBe("2");
  });

  test("another run's pending version is a conflict", async () => {
    const place = { path: path(), field: "KEY" };
    await write(place.path, { KEY: "old" });
    await sink.pend(context, place, "run-1", { KEY: Secret.from("new") });
    await expect(sink.pend(context, place, "run-2", { KEY: Secret.from("newer") })).rejects.toMatchObject({ code: "sink-conflict" });
  });

  test("a bare text is the whole entry", async () => {
    const place = { path: path() };
    const created = await client.send(new CreateSecretCommand({ Name: place.path, SecretString: "bare-old" }));
    await sink.pend(context, place, "run-1", { "": Secret.from("bare-new") });
    await sink.promote(context, place, "run-1", created.VersionId ?? "");
    expect((await sink.read(context, place))?.fields[""]?.reveal()).toBe("bare-new");
  });

  test("somebody who moved AWSCURRENT by hand is not overruled", async () => {
    const place = { path: path(), field: "KEY" };
    const first = await write(place.path, { KEY: "1" });
    await sink.pend(context, place, "run-1", { KEY: Secret.from("2") });
    const { version } = await sink.promote(context, place, "run-1", first);
    await client.send(
      new UpdateSecretVersionStageCommand({
        SecretId: place.path,
        VersionStage: "AWSCURRENT",
        MoveToVersionId: first,
        RemoveFromVersionId: version,
      }),
    );
    const third = await write(place.path, { KEY: "3" });
    await expect(sink.restore(context, place, "run-1", { from: version, to: first })).rejects.toMatchObject({ code: "sink-conflict" });
    expect((await sink.read(context, place))?.version).toBe(third);
  });

  test("a secret that does not exist is a hold that says so", async () => {
    await expect(sink.pend(context, { path: "absent" }, "run-1", { KEY: Secret.from("x") })).rejects.toMatchObject({ code: "sink-absent" });
  });
});
