import { afterEach, describe, expect, test } from "vitest";
import type { DriverContext } from "../../src/driver.ts";
import { Secret } from "../../src/secret.ts";
import { githubSecrets } from "../../src/secret-manager/github-secrets.ts";
import { type GitHubSecrets, startGitHubSecrets } from "../../src/stand-in/github-secrets.ts";
import { plainSinkContract } from "../contract/plain-sink.ts";

for (const path of ["actions/acme/triage", "dependabot/acme/triage", "codespaces/acme/triage", "environment/acme/triage/production"]) {
  plainSinkContract(`GitHub secrets at ${path}`, async () => {
    const server = await startGitHubSecrets();
    return {
      sink: githubSecrets,
      context: { host: server.url, credential: server.app, timeout: 2000 },
      place: { path, field: "API_KEY" },
      write: (value) => server.write(path, "API_KEY", value),
      seen: (field) => server.valueOf(path, field),
      faults: { fail: server.fail, write: ["PUT", /secrets\/API_KEY$/] },
      stop: server.stop,
    };
  });
}

describe("GitHub secrets", () => {
  let server: GitHubSecrets | undefined;
  afterEach(() => server?.stop());
  const started = async (permissions?: Record<string, string>): Promise<[GitHubSecrets, DriverContext]> => {
    server = await startGitHubSecrets(permissions);
    return [server, { host: server.url, credential: server.app, timeout: 2000 }];
  };
  const value = { API_KEY: Secret.from("a-new-value") };

  test("an organisation's secret stays with the repositories that could read it", async () => {
    const [at, context] = await started();
    const repositories = Array.from({ length: 130 }, (_, index) => index + 1);
    for (const path of ["organization/acme", "dependabot-organization/acme"]) {
      const from = at.write(path, "API_KEY", "old", { visibility: "selected", repositories });
      await githubSecrets.promote(context, { path, field: "API_KEY" }, "run-1", from, value);
      expect(at.valueOf(path, "API_KEY")).toBe("a-new-value");
      expect(at.visibilityOf(path, "API_KEY")).toMatchObject({ visibility: "selected", repositories });
    }
  });

  test("an organisation's secret that is not there is not made: nobody said who may read it", async () => {
    const [, context] = await started();
    const promoted = githubSecrets.promote(context, { path: "organization/acme", field: "API_KEY" }, "run-1", "0", value);
    await expect(promoted).rejects.toMatchObject({ code: "sink-absent" });
  });

  test("somebody else's write since the plan was made is kept", async () => {
    const [at, context] = await started();
    const place = { path: "actions/acme/triage", field: "API_KEY" };
    const from = at.write(place.path, "API_KEY", "old");
    at.write(place.path, "API_KEY", "theirs");
    await expect(githubSecrets.promote(context, place, "run-1", from, value)).rejects.toMatchObject({ code: "sink-conflict" });
    expect(at.valueOf(place.path, "API_KEY")).toBe("theirs");
  });

  test("an App that may not, or is not installed, is told what it lacks", async () => {
    const [at, context] = await started({ secrets: "read" });
    const place = { path: "actions/acme/triage", field: "API_KEY" };
    await expect(githubSecrets.read(context, place)).rejects.toThrow(/secrets: write/);
    await expect(githubSecrets.read(context, { ...place, path: "actions/other/triage" })).rejects.toThrow(/not installed/);
    expect(await githubSecrets.check?.(context, ["secrets: write"])).toEqual([{ right: "secrets: write", state: "missing" }]);
    expect(at.valueOf(place.path, "API_KEY")).toBeUndefined();
  });

  test.each(["actions/acme", "actions/acme/triage/x", "actions/../triage", "secrets/acme/triage", "organization/acme/triage", ""])(
    "'%s' names no place",
    async (path) => {
      const [, context] = await started();
      await expect(githubSecrets.read(context, { path, field: "API_KEY" })).rejects.toMatchObject({ code: "bad-place" });
    },
  );

  test.each(["GITHUB_TOKEN", "../x", "A-B", ""])("'%s' is no name of a secret", async (field) => {
    const [, context] = await started();
    await expect(githubSecrets.read(context, { path: "actions/acme/triage", field })).rejects.toMatchObject({ code: "bad-place" });
  });
});
