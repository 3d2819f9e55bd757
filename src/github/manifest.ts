import { z } from "zod";
import { RefusedError } from "../errors.ts";
import { json, pinOf, request } from "../http.ts";
import { Secret } from "../secret.ts";

/** What `app.yml` says of the App: GitHub's manifest (docs.github.com, "Registering a GitHub App from a manifest"). */
export const AppManifest = z.object({
  name: z.string(),
  url: z.string(),
  public: z.boolean(),
  default_permissions: z.record(z.string(), z.enum(["read", "write"])),
  default_events: z.array(z.string()),
});
export type AppManifest = z.output<typeof AppManifest>;

/** The manifest for a server at this address; `back` is where the browser comes back to with the code. */
export function manifestFor(app: AppManifest, { name, url, back }: { name: string; url: string; back: string }): object {
  return {
    ...app,
    name,
    hook_attributes: { url: `${url}/api/github/webhooks`, active: true },
    redirect_url: back,
    callback_urls: [`${url}/login/github/callback`],
  };
}

/** Where the form goes: the organisation's settings, or the account's own. */
export function manifestAddress(web: string, organization: string | undefined, state: string): string {
  const path = organization === undefined ? "/settings/apps/new" : `/organizations/${encodeURIComponent(organization)}/settings/apps/new`;
  return `${web}${path}?state=${encodeURIComponent(state)}`;
}

const Conversion = z.object({
  id: z.number().int().positive(),
  slug: z.string(),
  html_url: z.string(),
  client_id: z.string().min(1),
  client_secret: z.string().min(1),
  webhook_secret: z.string().min(1),
  pem: z.string().min(1),
});

export interface RegisteredApp {
  readonly id: number;
  readonly slug: string;
  /** Its page, where it is installed. */
  readonly page: string;
  readonly clientId: string;
  readonly clientSecret: Secret;
  readonly webhookSecret: Secret;
  readonly privateKey: Secret;
}

/** Exchanges the code, which is good once and for an hour. Throws RefusedError where GitHub knows it not. */
export async function convertManifest(api: string, code: string): Promise<RegisteredApp> {
  const answer = await request({
    method: "POST",
    url: `${api}/app-manifests/${encodeURIComponent(code)}/conversions`,
    headers: { accept: "application/vnd.github+json" },
    pins: [pinOf(api)],
    timeout: 30_000,
  });
  const read = Conversion.safeParse(json(answer));
  if (answer.status !== 201 || !read.success)
    throw new RefusedError("GitHub did not give the App for this code; it is good once and for an hour: run rekey setup again");
  const { id, slug, html_url: page, client_id: clientId, client_secret, webhook_secret, pem } = read.data;
  return {
    id,
    slug,
    page,
    clientId,
    clientSecret: Secret.from(client_secret),
    webhookSecret: Secret.from(webhook_secret),
    privateKey: Secret.from(pem),
  };
}
