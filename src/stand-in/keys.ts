import { randomBytes } from "node:crypto";

/** One credential at a stand-in. `id` and `value` never change, unless the vendor rolls values. */
export interface StandInKey {
  readonly id: string;
  name: string;
  value: string;
  disabled: boolean;
  readonly createdAt: string;
  readonly fields: Record<string, unknown>;
}

/**
 * The keys of one vendor: a control plane that is true at once, and a data plane that may lag behind it. `hold` lets every later
 * change wait until `settle`, as a vendor's caches do, so that a test decides when a change arrives.
 */
export class Keys {
  readonly #stored = new Map<string, StandInKey>();
  #live = new Map<string, { id: string; disabled: boolean }>();
  #held = false;

  add(fields: { name: string; value: string; id?: string; disabled?: boolean; fields?: Record<string, unknown> }): StandInKey {
    const key: StandInKey = {
      id: fields.id ?? randomBytes(12).toString("hex"),
      name: fields.name,
      value: fields.value,
      disabled: fields.disabled ?? false,
      createdAt: new Date().toISOString(),
      fields: fields.fields ?? {},
    };
    this.#stored.set(key.id, key);
    this.#publish();
    return key;
  }

  get(id: string | undefined): StandInKey | undefined {
    return this.#stored.get(id ?? "");
  }

  /** Oldest first. */
  all(): StandInKey[] {
    return [...this.#stored.values()];
  }

  remove(id: string): boolean {
    const known = this.#stored.delete(id);
    this.#publish();
    return known;
  }

  set(id: string, change: Partial<Pick<StandInKey, "name" | "disabled" | "value">>): StandInKey | undefined {
    const key = this.#stored.get(id);
    if (key !== undefined) Object.assign(key, change);
    this.#publish();
    return key;
  }

  /** What the data plane believes of a value. */
  live(value: string | undefined): { id: string; disabled: boolean } | undefined {
    return this.#live.get(value ?? "");
  }

  accepts(value: string | undefined): boolean {
    return this.live(value)?.disabled === false;
  }

  hold(): void {
    this.#held = true;
  }

  settle(): void {
    this.#held = false;
    this.#publish();
  }

  #publish(): void {
    if (this.#held) return;
    this.#live = new Map(this.all().map(({ id, value, disabled }) => [value, { id, disabled }]));
  }
}

export function bearerOf(header: string | undefined): string | undefined {
  return /^Bearer (\S+)$/i.exec(header ?? "")?.[1];
}

/** User and password of HTTP basic authentication. */
export function basicOf(header: string | undefined): [string, string] {
  const text = Buffer.from(/^Basic (\S+)$/i.exec(header ?? "")?.[1] ?? "", "base64").toString();
  return [text.slice(0, text.indexOf(":")), text.slice(text.indexOf(":") + 1)];
}

/** `length` random characters of the letters and digits, or of `alphabet`. */
export function random(length: number, alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"): string {
  return [...randomBytes(length)].map((byte) => alphabet[byte % alphabet.length]).join("");
}

export const hex = "0123456789abcdef";
