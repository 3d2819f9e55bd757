import { z } from "zod";
import type { Driver, DriverContext, ProbeResult } from "../driver.ts";
import { HoldError } from "../errors.ts";
import { accept, type HttpAnswer, json, shaped } from "../http.ts";
import type { Secret } from "../secret.ts";
import { probeAnswer } from "./answer.ts";
import { attributesOf, bearer, manifest, send } from "./vendor.ts";

const tells = {
  user: "name",
  organization: "orgs.*.name",
  token: "auth.accessToken.displayName",
  role: "auth.accessToken.role",
  created: "auth.accessToken.createdAt",
};

/**
 * Hugging Face tokens, killed by whoever holds them: `POST /api/credentials/revoke` asks for no authentication and always answers 202,
 * so only a probe proves the death (https://huggingface.co/docs/hub/security-tokens). The owner is told by mail; a new token is made by a
 * person.
 */
export const huggingface: Driver = {
  manifest: manifest({
    type: "huggingface/token",
    name: "Hugging Face token",
    detectors: ["huggingface-user-token", "huggingface-org-token"],
    class: "possession-kill",
    verbs: ["revoke", "probe", "whoami"],
    // Undocumented (November 2026): the answer 202 says that it is done later.
    propagation: { create: 0, revoke: 60_000 },
    killByPossession: true,
    probeCall: "GET /api/whoami-v2",
    tells: Object.keys(tells),
    hosts: ["huggingface.co"],
    invalidMeansDead: true, // "Invalid credentials" is revoked, expired or never made
    pages: { revoke: "https://huggingface.co/settings/tokens", issue: "https://huggingface.co/settings/tokens" },
  }),

  async revoke(context, _record, { secret }) {
    if (secret === undefined)
      throw new HoldError(
        "value-needed",
        "Hugging Face revokes a token for whoever holds its value, and the value could not be recovered; revoke it by hand",
      );
    const body = { credentials: [secret.reveal()] };
    accept(
      await send(context, { method: "POST", path: "/api/credentials/revoke", body, safe: true }),
      [202],
      "revoking a Hugging Face token",
      true,
    );
  },

  probe: (context, { secret }) => probeAnswer(() => whoami(context, secret), judge, { secret, paths: tells }),

  async whoami(context, { secret }) {
    const what = "asking Hugging Face whose token this is";
    const body = accept(await whoami(context, secret), [200], what, true);
    const { name, type, auth } = shaped(Whoami, body, what);
    return attributesOf({ name, type, token: auth?.accessToken?.displayName, role: auth?.accessToken?.role });
  },
};

const Whoami = z.object({
  name: z.string(),
  type: z.string().nullish(),
  auth: z.object({ accessToken: z.object({ displayName: z.string().nullish(), role: z.string().nullish() }).nullish() }).nullish(),
});

function whoami(context: DriverContext, secret: Secret): Promise<HttpAnswer> {
  return send(context, { method: "GET", path: "/api/whoami-v2", headers: bearer(secret) });
}

function judge(answer: HttpAnswer): ProbeResult | undefined {
  const body = json(answer);
  if (answer.status === 200 && Whoami.safeParse(body).success) return { answer: "alive", code: "200" };
  const refusal = z.object({ error: z.string() }).safeParse(body);
  return answer.status === 401 && refusal.data?.error.startsWith("Invalid") === true
    ? { answer: "invalid", code: "401 Invalid" }
    : undefined;
}
