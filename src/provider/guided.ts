import type { Detector } from "../detector/schema.ts";
import type { Driver } from "../driver.ts";
import { checkValidity } from "./declared-check.ts";

/**
 * Types without a key API: a person ends the credential on the page that the detector names, and the detector's check, where it has
 * one, closes the run. The manifest is made of the detector alone.
 */
export function guidedDriver({ id, name, revoke, check }: Detector): Driver {
  const declared = check !== undefined && "method" in check ? check : undefined;
  const named = declared === undefined ? undefined : new URL(declared.url).host;
  const host = named === "host.invalid" ? undefined : named;
  return {
    manifest: {
      type: `guided/${id}`,
      name,
      detectors: [id],
      class: "manual",
      verbs: declared === undefined ? {} : { probe: { effect: "read", retry: "safe" } },
      reversible: { disable: false, revoke: false },
      overlap: "many",
      // No vendor of these documents a time (November 2026): two minutes before a refusal counts as the last word.
      propagation: { create: 0, revoke: 120_000 },
      valueChosenByUs: false,
      killByPossession: false,
      ...(declared === undefined
        ? {}
        : { probeCall: `${declared.method} ${new URL(declared.url).pathname}`, tells: Object.keys(declared.tells ?? {}) }),
      hosts: host === undefined ? [] : [host],
      proof: "probe",
      invalidMeansDead: declared?.invalid_means_dead ?? false,
      ...(declared?.issued_elsewhere === undefined ? {} : { issuedElsewhere: true }),
      pages: { revoke: revoke.replace(/^none: /, "") },
      testedAgainst: "contract stand-in",
    },

    async probe({ host: base, timeout, signal, publicOnly }, { secret, attributes }) {
      if (declared === undefined) return { answer: "unknown", code: "no safe probe" };
      const { validity, ...said } = await checkValidity(declared, secret, attributes, {
        timeout,
        host: base,
        ...(signal === undefined ? {} : { signal }),
        ...(publicOnly === undefined ? {} : { publicOnly }),
      });
      return { answer: validity === "active" ? "alive" : validity === "inactive" ? "invalid" : "unknown", ...said };
    },
  };
}
