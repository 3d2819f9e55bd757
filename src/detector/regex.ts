/** A compiled linear-time regular expression. `exec` scans from `lastIndex`-free: always the first match at or after `from`. */
export interface LinearRegex {
  exec(text: string, from?: number): { index: number; text: string; groups: Readonly<Record<string, string | undefined>> } | undefined;
}

/** The only engines that see hostile bytes: both are linear in the input and refuse look-around and back-references. */
export interface RegexEngine {
  readonly name: "re2" | "re2js";
  /** Throws with the engine's own reason where the pattern is not RE2 syntax. */
  compile(source: string, flags?: "i"): LinearRegex;
}

/** The native re2, or re2js where it could not be built: the same language, slower. */
export async function loadRegexEngine(prefer: "re2" | "re2js" = "re2"): Promise<RegexEngine> {
  if (prefer === "re2") {
    try {
      const { default: RE2 } = await import("re2");
      return { name: "re2", compile: (source, flags) => native(new RE2(named(source, "<"), `g${flags ?? ""}`)) };
    } catch {
      // not built for this Node: fall through
    }
  }
  const { RE2JS } = await import("re2js");
  return {
    name: "re2js",
    compile(source, flags) {
      const compiled = RE2JS.compile(named(source, "P<"), flags === "i" ? RE2JS.CASE_INSENSITIVE : 0);
      const names = groupNames(source);
      return {
        exec(text, from = 0) {
          const matcher = compiled.matcher(text);
          if (!matcher.find(from)) return undefined;
          const groups = Object.fromEntries(names.map((name) => [name, matcher.group(name) ?? undefined]));
          return { index: matcher.start(), text: matcher.group() ?? "", groups };
        },
      };
    },
  };
}

/** The same engine, compiling each pattern when it is first run: most scans touch a few of many hundred. For proven rules only. */
export function lazily(engine: RegexEngine): RegexEngine {
  return {
    name: engine.name,
    compile(source, flags) {
      let compiled: LinearRegex | undefined;
      return {
        exec(text, from) {
          compiled ??= engine.compile(source, flags);
          return compiled.exec(text, from);
        },
      };
    },
  };
}

function native(regex: RegExp): LinearRegex {
  return {
    exec(text, from = 0) {
      regex.lastIndex = from;
      const match = regex.exec(text);
      return match === null ? undefined : { index: match.index, text: match[0], groups: match.groups ?? {} };
    },
  };
}

/** `(?P<name>` is RE2's own spelling, `(?<name>` JavaScript's; each engine gets its own. */
function named(source: string, spelling: "<" | "P<"): string {
  return source.replace(/\(\?P?<(?=[A-Za-z_])/g, `(?${spelling}`);
}

function groupNames(source: string): string[] {
  return [...source.matchAll(/\(\?P?<([A-Za-z_]\w*)>/g)].map((match) => match[1] ?? "");
}
