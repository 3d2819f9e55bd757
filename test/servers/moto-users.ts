import { randomBytes } from "node:crypto";
import { CreateAccessKeyCommand, CreateUserCommand, ListAccessKeysCommand, PutUserPolicyCommand } from "@aws-sdk/client-iam";
import { connectIam } from "../../src/connection/aws.ts";
import type { DriverContext } from "../../src/driver.ts";
import { request } from "../../src/http.ts";
import { Secret } from "../../src/secret.ts";
import { startVendor, type VendorServer } from "../../src/stand-in/vendor.ts";
import type { Moto } from "./moto.ts";

/** IAM users on moto, whose signatures are checked, behind a proxy that can go wrong by AWS's action (`/CreateAccessKey`). */
export interface MotoUsers {
  readonly context: DriverContext;
  /** A proxy of its own. */
  proxy(): Promise<VendorServer>;
  createUser(): Promise<{ user: string; id: string; secret: Secret }>;
  createKey(user: string): Promise<{ id: string; secret: Secret }>;
  keys(user: string): Promise<string[]>;
}

export async function motoUsers(moto: Moto): Promise<MotoUsers> {
  const startProxy = () =>
    startVendor(
      (app) => {
        app.all("*", async (context) => {
          const answer = await request({
            method: context.req.method,
            url: `${moto.url}${context.req.path}`,
            headers: Object.fromEntries(
              Object.entries(context.req.header()).filter(([name]) => !/^(connection|content-length)$/.test(name)),
            ),
            body: await context.req.text(),
            pins: [new URL(moto.url).host],
            timeout: 10_000,
          });
          return context.body(answer.body.toString(), answer.status as 200, {
            "content-type": answer.headers["content-type"] ?? "text/xml",
          });
        });
      },
      0,
      async (call) => `/${new URLSearchParams(await call.text()).get("Action") ?? ""}`,
    );
  const anyone = { id: `AKIA${randomBytes(8).toString("hex").toUpperCase()}`, secret: randomBytes(20).toString("hex") };
  const open = connectIam({ host: moto.url, key: anyone, timeout: 10_000 });
  const admin = `rekey-${randomBytes(4).toString("hex")}`;
  const policy = (actions: string[]) =>
    JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: actions, Resource: "*" }] });
  await open.send(new CreateUserCommand({ UserName: admin }));
  await open.send(
    new PutUserPolicyCommand({ UserName: admin, PolicyName: "p", PolicyDocument: policy(["iam:*", "sts:*", "secretsmanager:*"]) }),
  );
  const { AccessKey } = await open.send(new CreateAccessKeyCommand({ UserName: admin }));
  const key = { id: AccessKey?.AccessKeyId ?? "", secret: AccessKey?.SecretAccessKey ?? "" };
  await moto.checkAuthentication();
  const client = connectIam({ host: moto.url, key, timeout: 10_000 });

  async function createKey(user: string) {
    const { AccessKey: made } = await client.send(new CreateAccessKeyCommand({ UserName: user }));
    return { id: made?.AccessKeyId ?? "", secret: Secret.from(made?.SecretAccessKey ?? "") };
  }
  return {
    proxy: startProxy,
    context: { host: moto.url, credential: Secret.from(`${key.id}:${key.secret}`), timeout: 10_000 },
    createKey,
    async createUser() {
      const user = `agent-${randomBytes(4).toString("hex")}`;
      await client.send(new CreateUserCommand({ UserName: user }));
      await client.send(new PutUserPolicyCommand({ UserName: user, PolicyName: "p", PolicyDocument: policy(["sts:*"]) }));
      return { user, ...(await createKey(user)) };
    },
    keys: async (user) =>
      ((await client.send(new ListAccessKeysCommand({ UserName: user }))).AccessKeyMetadata ?? []).map(
        ({ AccessKeyId }) => AccessKeyId ?? "",
      ),
  };
}
