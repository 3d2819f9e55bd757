import { Secret } from "../secret.ts";
import { bearerOf, Keys, random } from "./keys.ts";
import { startVendor, type VendorServer } from "./vendor.ts";

/**
 * A stand-in for what moto lacks: IAM's service-specific credentials of Bedrock (query protocol, at most two of a user, pages, tags of
 * users), and Bedrock's list of models by bearer token. Calls are named by their action: `/CreateServiceSpecificCredential`.
 */
export interface Bedrock extends VendorServer {
  /** `access-key-id:secret` of an administrator; signatures are not checked. */
  readonly admin: Secret;
  readonly keys: Keys;
  createKey(user: string): Secret;
}

const upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

export async function startBedrock(): Promise<Bedrock> {
  const adminId = `AKIA${random(16, upper)}`;
  const keys = new Keys();
  const tags = new Map<string, Map<string, string>>();
  const made = new Map<string, number>();
  const add = (user: string) => {
    const at = new Date();
    const count = (made.get(user) ?? 0) + 1;
    made.set(user, count);
    // the console names its users so; what it says of the alias is "the IAM user name and a suffix"
    const alias = `${user}+${count}-at-111122223333`;
    const value = `ABSK${Buffer.from(`${alias}:${random(44)}`).toString("base64")}`;
    return keys.add({ id: `ACCA${random(17, upper)}`, name: user, value, fields: { alias, at: at.toISOString() } });
  };
  const credential = (id: string, secret = false) => {
    const key = keys.get(id);
    return `<CreateDate>${key?.fields["at"]}</CreateDate><ServiceName>bedrock.amazonaws.com</ServiceName>
      <ServiceCredentialAlias>${key?.fields["alias"]}</ServiceCredentialAlias>
      ${secret ? `<ServiceCredentialSecret>${key?.value}</ServiceCredentialSecret>` : ""}
      <ServiceSpecificCredentialId>${id}</ServiceSpecificCredentialId><UserName>${key?.name}</UserName>
      <Status>${key?.disabled === true ? "Inactive" : "Active"}</Status>`;
  };
  const failed = (code: string, status: 400 | 403 | 404 | 409) => ({
    status,
    xml: `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>refused</Message></Error><RequestId>r</RequestId></ErrorResponse>`,
  });
  const done = (action: string, result: string) => ({
    status: 200 as const,
    xml: `<${action}Response xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><${action}Result>${result}</${action}Result><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></${action}Response>`,
  });

  function answer(form: URLSearchParams): { status: 200 | 400 | 403 | 404 | 409; xml: string } {
    const [action, user, id] = [form.get("Action") ?? "", form.get("UserName") ?? "", form.get("ServiceSpecificCredentialId") ?? ""];
    const known = keys.get(id)?.name === user;
    const own = tags.get(user) ?? new Map<string, string>();
    tags.set(user, own);
    switch (action) {
      case "CreateServiceSpecificCredential":
        if (keys.all().filter(({ name }) => name === user).length >= 2) return failed("LimitExceeded", 409);
        return done(action, `<ServiceSpecificCredential>${credential(add(user).id, true)}</ServiceSpecificCredential>`);
      case "ListServiceSpecificCredentials": {
        const all = keys.all().filter(({ name }) => form.get("AllUsers") === "true" || name === user);
        const at = Number(form.get("Marker") ?? 0);
        const page = all.slice(at, at + 100).map((key) => `<member>${credential(key.id)}</member>`);
        const more =
          at + 100 < all.length ? `<IsTruncated>true</IsTruncated><Marker>${at + 100}</Marker>` : "<IsTruncated>false</IsTruncated>";
        return done(action, `<ServiceSpecificCredentials>${page.join("")}</ServiceSpecificCredentials>${more}`);
      }
      case "UpdateServiceSpecificCredential":
        if (!known) return failed("NoSuchEntity", 404);
        keys.set(id, { disabled: form.get("Status") === "Inactive" });
        return done(action, "");
      case "DeleteServiceSpecificCredential":
        return known && keys.remove(id) ? done(action, "") : failed("NoSuchEntity", 404);
      case "ListUserTags": {
        const members = [...own].map(([key, value]) => `<member><Key>${key}</Key><Value>${value}</Value></member>`);
        return done(action, `<Tags>${members.join("")}</Tags><IsTruncated>false</IsTruncated>`);
      }
      case "TagUser":
        own.set(form.get("Tags.member.1.Key") ?? "", form.get("Tags.member.1.Value") ?? "");
        return done(action, "");
      case "UntagUser":
        for (const [name, key] of form) if (name.startsWith("TagKeys.")) own.delete(key);
        return done(action, "");
      default:
        return failed("InvalidAction", 400);
    }
  }

  const server = await startVendor(
    (app) => {
      app.get("/foundation-models", (context) =>
        keys.accepts(bearerOf(context.req.header("authorization")))
          ? context.json({ modelSummaries: [] })
          : context.json({ Message: "Authentication failed: Please make sure your API Key is valid." }, 403),
      );
      app.post("/", async (context) => {
        const { status, xml } = context.req.header("authorization")?.includes(`Credential=${adminId}/`)
          ? answer(new URLSearchParams(await context.req.text()))
          : failed("InvalidClientTokenId", 403);
        return context.body(xml, status, { "content-type": "text/xml" });
      });
    },
    0,
    async (call) => (call.method === "GET" ? call.path : `/${new URLSearchParams(await call.text()).get("Action") ?? ""}`),
  );
  return { ...server, admin: Secret.from(`${adminId}:${random(40)}`), keys, createKey: (user) => Secret.from(add(user).value) };
}
