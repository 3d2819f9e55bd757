import { AxeBuilder } from "@axe-core/playwright";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { tileIds } from "../../src/governance/overview.ts";
import type { Incident } from "../../src/incident/fold.ts";
import { createWeb } from "../../src/web/app.ts";
import { Sessions } from "../../src/web/login/session.ts";
import { incident, opened } from "../incident/build.ts";
import { launchBrowser, serveOnLoopback } from "./browser.ts";
import { estateOf, governanceOf, identity, reviewItem } from "./estate.ts";
import { alive, mixed, now, readersOf, triage } from "./sample.ts";

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(async () => browser?.close());

const long = "a".repeat(300);
const awkward = incident(
  "RK-10NG",
  ["10:01", { ...opened, repository: long, credential: { ...opened.credential, title: long, subject: long, fingerprint: long } }],
  ["10:01", { type: "identity-linked", identity: "x", kind: "agent", name: long, owner: `@${long}`, grade: "weak" }],
  ["10:01", alive],
  ["10:02", { type: "run-held", run: "r", code: "sink-conflict", message: long }],
);

const rollout = async () => ({
  hold: { by: "the operator", reason: long, at: now },
  repositories: ["check", "rotate"].map((stage) => ({
    fullName: `acme/${long.slice(0, 90)}`,
    policy: { stage, because: "the rules", waiting: "block", disclosure: "full", onUnavailable: "neutral", automatic: false },
    error: ".github/rekey.yml:2: stage",
  })),
});

/** Everybody is mara, who leads and may command. */
function asMara() {
  const at = new Date();
  const session = {
    name: "mara",
    role: "lead",
    repositories: "all" as const,
    provider: "github",
    createdAt: at,
    freshAt: at,
    checkedAt: at,
  };
  const store = { begin: async () => "session", visit: async () => session, checked: async () => undefined, end: async () => undefined };
  const url = new URL("http://127.0.0.1:3000");
  const github = { name: "github", label: "GitHub", start: async () => "/", finish: async () => undefined };
  return { providers: [github], sessions: new Sessions(store, url), url, act: async () => ({ ok: true }) };
}

const asked = incident(
  "RK-ASKD",
  ["10:01", opened],
  ["10:02", { type: "exception-asked", by: "dev", reason: long, until: "2026-03-09T23:59:59.000Z", vouched: true }],
);
const silencing = { list: async () => [], order: async () => ({ ok: true, text: "" }) };
const settings = async () =>
  (["ok", "warning", "failed"] as const).map((state) => ({ title: state, checks: [{ what: long, state, says: long, hint: long }] }));
const estate = estateOf([
  identity("triage-agent"),
  identity(long, { ownerBy: "codeowners", owner: `@${long}` }),
  identity("x", { lifetime: "unknown" }),
]);
const governance = governanceOf([
  reviewItem("RI-7F3KX"),
  reviewItem("RI-10NG0", {
    snapshot: { ...reviewItem("x").snapshot, permissions: [long], access: { kind: "stored", connection: long, path: long } },
  }),
]);

test.each([
  ["first page with a curve", "/", mixed(24)],
  ["first page with a list", "/", mixed(3)],
  ["first page without incidents", "/", []],
  ["first page with endless words", "/", [awkward]],
  ["list of incidents", "/incidents?state=open", mixed(24)],
  ["identities", "/identities", mixed(24)],
  ["playbooks", "/playbooks", mixed(3)],
  ["audit", "/audit", mixed(3)],
  ["rollout", "/rollout", mixed(3)],
  ["week", "/week", mixed(24)],
  ["login", "/login", mixed(3)],
  ["account", "/account", mixed(3)],
  ["incident", "/incidents/RK-7F3K", mixed(3)],
  ["incident with endless words", "/incidents/RK-10NG", [awkward]],
  ["governance", "/governance", mixed(24)],
  ["exceptions", "/exceptions", [...mixed(3), asked]],
  ["an incident whose risk somebody asks to accept", "/incidents/RK-ASKD", [asked]],
  ["an incident whose risk is accepted", "/incidents/RK-ACC0", mixed(3)],
  ...tileIds.map((id): [string, string, Incident[]] => [`governance: ${id}`, `/governance/${id}`, [...mixed(3), awkward]]),
  ["evidence", "/evidence/owasp-nhi", mixed(3)],
  ["settings", "/settings", []],
  ["a credential type", `/types/${opened.credential.detector}`, [...mixed(3), asked]],
  ["access reviews", "/reviews", []],
  ["an access review", "/reviews/RV-2B0X1", []],
  ["address that is not there", "/x", []],
])("%s: readable by everybody, from 360 to 1920 pixels, in light and dark", async (_, path, incidents) => {
  const { url, stop } = await serveOnLoopback(
    createWeb({
      readers: readersOf(incidents),
      now: () => now,
      rollout,
      login: asMara(),
      governance,
      estate,
      settings,
      silencing,
      decide: async () => ({ ok: true, text: "" }),
    }),
  );
  const context = await browser.newContext({ javaScriptEnabled: true });
  await context.addCookies([{ name: "rekey", value: "session", url }]);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    // The browser itself reports the status of a page that is not there.
    if (path !== "/x") complaints.push(message.text());
  });
  page.on("requestfailed", (request) => complaints.push(request.url()));
  try {
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      for (const width of [360, 768, 1920]) {
        await page.setViewportSize({ width, height: 900 });
        await page.goto(url + path);
        expect(await page.evaluate("document.documentElement.scrollWidth"), `${width} px`).toBeLessThanOrEqual(width);
      }
      const { violations } = await new AxeBuilder({ page })
        .withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"])
        .analyze();
      expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`)).toEqual([]);
    }
    expect(complaints).toEqual([]);
  } finally {
    await context.close();
    await stop();
  }
});

test("the first page shows a live credential and its owner first, also without JavaScript and by keyboard", async () => {
  const { url, stop } = await serveOnLoopback(createWeb({ readers: readersOf(mixed(24)), now: () => now }));
  const context = await browser.newContext({ javaScriptEnabled: false, viewport: { width: 1280, height: 720 } });
  const page = await context.newPage();
  try {
    await page.goto(url);
    expect(await page.locator("h2").allTextContents()).toEqual([
      "Open credentials and their owners",
      "What became of the rest",
      "Time until a leaked credential is dead",
      "Open by age",
      "What comes in and what is closed",
      "Where the time goes",
      "AI identities, the most pressing first",
      "Who ended them",
    ]);
    const first = page.locator(".incidents li").first();
    expect(await first.innerText()).toContain("triage-agent (agent), owned by @mara");
    expect((await first.boundingBox())?.y).toBeLessThan(400);
    expect(await page.locator("svg.survival").filter({ visible: true }).count()).toBe(1);

    // past the sections to the content, then to its first link
    for (const key of ["Tab", "Enter", "Tab", "Enter"]) await page.keyboard.press(key);
    await page.waitForURL("**/incidents/RK-7F3K");
    expect(await page.locator("h1").innerText()).toBe("RK-7F3K OpenRouter API key");
  } finally {
    await context.close();
    await stop();
  }
});

test("the style sheet is applied under the strict policy and an inline style is not", async () => {
  const { url, stop } = await serveOnLoopback(
    createWeb({ readers: readersOf([incident("RK-7F3K", ["10:01", opened], ["10:01", triage])]), now: () => now }),
  );
  const page = await browser.newPage();
  try {
    await page.goto(url);
    expect(await page.evaluate("getComputedStyle(document.querySelector('section')).borderRadius")).toBe("10px");
    await page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p id=x style=\"color: rgb(1, 2, 3)\">x</p>')");
    expect(await page.evaluate("getComputedStyle(document.querySelector('#x')).color")).not.toBe("rgb(1, 2, 3)");
  } finally {
    await page.close();
    await stop();
  }
});
