import type { Driver } from "../../src/driver.ts";
import type { Secret } from "../../src/secret.ts";
import type { Keys } from "../../src/stand-in/keys.ts";
import type { VendorServer } from "../../src/stand-in/vendor.ts";
import type { DriverUnderTest } from "../contract/driver.ts";

type Calls = NonNullable<DriverUnderTest["faults"]>["calls"];

/** A row of the contract: a stand-in with its keys, whoever administers it, and the credential that leaked. */
export function vendorUnderTest(
  driver: Driver,
  server: VendorServer & { readonly keys: Keys },
  credential: Secret | undefined,
  leaked: Secret,
  calls: Calls,
  own: Partial<DriverUnderTest> = {},
): DriverUnderTest {
  return {
    driver,
    context: { host: server.url, ...(credential === undefined ? {} : { credential }), timeout: 2000 },
    leaked,
    living: () => server.keys.all().map(({ id }) => id),
    stop: () => server.stop(),
    faults: { fail: server.fail, calls, hold: () => server.keys.hold(), settle: () => server.keys.settle() },
    ...own,
  };
}

export function many(count: number, make: (other: number) => unknown): void {
  for (let other = 0; other < count; other++) make(other);
}
