/** The few errors that mean something a caller does. Anything else is a bug and keeps its stack. */

/** What a person typed or wrote is not usable. The message says what was expected, what came and what to do. CLI exit code 2. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** A file that people write (detector, playbook, rekey.yml, .rekey/*) is wrong at a place. `line` and `column` are 1-based. */
export class ConfigError extends UsageError {
  override name = "ConfigError";
  readonly file: string;
  readonly line: number | undefined;
  readonly column: number | undefined;

  constructor(problem: string, at: { file: string; line?: number | undefined; column?: number | undefined; cause?: unknown }) {
    const place = [at.file, at.line, at.column].filter((part) => part !== undefined).join(":");
    super(`${place}: ${problem}`, { cause: at.cause });
    this.file = at.file;
    this.line = at.line;
    this.column = at.column;
  }
}

/** It did not work this time and nothing is known to have changed: try again, after `afterMs` milliseconds if given. */
export class RetryError extends Error {
  override name = "RetryError";
  readonly afterMs: number | undefined;

  constructor(message: string, options: { afterMs?: number | undefined; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.afterMs = options.afterMs;
  }
}

/** A call was sent and nobody knows what it did: observe before doing anything else. Never retried blindly. */
export class UnknownOutcomeError extends Error {
  override name = "UnknownOutcomeError";
}

/** The work stops here until a person decides. `code` is stable and lower-kebab-case; the message says what is true, unknown and to do. */
export class HoldError extends Error {
  override name = "HoldError";
  readonly code: string;

  constructor(code: string, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
  }
}

/** Somebody (or some input) may not do this. Shown to that person; never retried. */
export class RefusedError extends Error {
  override name = "RefusedError";
}
