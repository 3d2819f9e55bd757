import fc from "fast-check";
import { expect, test } from "vitest";
import { millisecondsOf } from "../../src/metric/moment.ts";

test("a moment is read as Date.parse reads it", () => {
  fc.assert(
    fc.property(fc.date({ min: new Date("1970-01-01"), max: new Date("2099-12-31"), noInvalidDate: true }), (date) => {
      expect(millisecondsOf(date.toISOString())).toBe(date.getTime());
    }),
  );
});

test.each(["2026-03-02T10:01:00Z", "2026-03-02T10:01:00.5+02:00", "2026-03-02", "", "nonsense", "2026-13-02T10:01:00.000Z"])(
  "what is written otherwise is left to Date.parse: %j",
  (text) => expect(millisecondsOf(text)).toBe(Date.parse(text)),
);
