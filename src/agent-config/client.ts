import type { IdentityKind, Slot } from "../finding.ts";
import type { FileFormat } from "./format/read.ts";
import type { Tree } from "./format/tree.ts";
import type { Grammar } from "./slot/grammar.ts";

/** How the text at a place of a config file is to be read. */
export type SlotRole =
  /** Sets the environment variable that the key names. */
  | "variable"
  /** An HTTP header that the key names: an authentication scheme is no part of the secret. */
  | "header"
  /** One string of a command line: flags, `-e KEY=value`, `--header "…"`, URLs. A list of them is read as a whole. */
  | "arguments"
  /** Holds user info, query keys or a token in the path. */
  | "url"
  /** The value itself is the credential. */
  | "value"
  /** The name of an environment variable, by this client's schema; also a list of names. */
  | "name"
  /** The name of an entry of the platform's own store, such as a Kubernetes secret. */
  | "entry-name"
  /** `name=value`, also a list of them. */
  | "assignment"
  /** A command whose output is the credential: an edge, nothing to leak. */
  | "helper";

/** A place in a file: JSON pointer with `*` for any key or index. */
export interface Place {
  readonly at: string;
  readonly as: SlotRole;
  /** The field beside it that holds its name, where its own key says nothing (`{ name, value }`). */
  readonly named?: string;
  /** By the client's schema the value is a secret, though its name does not say so. */
  readonly secret?: true;
  /** Only where one of these fields beside it has this value: the file itself says that the value is a secret. */
  readonly secretIf?: readonly { readonly field: string; readonly is: string }[];
}

/** The fields of one MCP server object, relative to it. */
export const standardServer: readonly Place[] = [
  { at: "/env/*", as: "variable" },
  { at: "/headers/*", as: "header" },
  { at: "/args", as: "arguments" },
  { at: "/command", as: "arguments" },
  { at: "/url", as: "url" },
  { at: "/oauth/clientSecret", as: "value" },
  { at: "/headersHelper", as: "helper" },
];

/** A plain secret, for the many files that have a few. */
export function secretsAt(...places: readonly string[]): Place[] {
  return places.map((at) => ({ at, as: "value" }));
}

/** One kind of file that a client reads. */
export interface Surface {
  /** Globs on the path; a file in a home folder also counts where somebody committed a copy of it. */
  readonly paths: readonly string[];
  /** Absent: by the extension. */
  readonly format?: FileFormat;
  readonly grammar: Grammar;
  /** Places of MCP server objects; the last part of the pointer is the server's name unless `serverName` names a field. */
  readonly servers?: readonly string[];
  readonly serverName?: string;
  /** What is a credential slot in a server; `standardServer` where absent. */
  readonly server?: readonly Place[];
  /** Credential slots outside of servers. */
  readonly slots?: readonly Place[];
  /** Pointer of the name that the file gives to its agent. */
  readonly agentName?: string;
  /** Only files whose top-level map has one of these keys. */
  readonly onlyWith?: readonly string[];
}

/** One agent client or framework: which files, which places, which reference grammar. One file in this folder each. */
export interface Client {
  /** The name of its file: `claude-code`. */
  readonly id: string;
  /** What people call it: "Claude Code". */
  readonly agent: string;
  /** What it is where it is not an agent: a proxy is a `model-endpoint`. */
  readonly kind?: IdentityKind;
  readonly surfaces: readonly Surface[];
  /**
   * Where it keeps configuration and transcripts on a person's machine: globs that begin with `~`, `/`, a drive, `{config}` (the
   * system's folder for applications: `~/Library/Application Support`, `%APPDATA%`, `~/.config`), `{data}` (`~/.local/share`), or
   * the folder that a variable of the client moves: `{claude}`, `{codex}`.
   */
  readonly home?: readonly string[];
}

/** A credential slot of a config file, read with its client's own grammar. Offsets are 0-based bytes of the UTF-8 text, end exclusive. */
export interface ConfigSlot extends Slot {
  /** The MCP server that the slot belongs to. */
  readonly server?: string;
  /** Field, header, flag, query key or variable: what says what the value is for. */
  readonly name: string;
  /** The file's own schema says that the value is a secret, whatever its name and however weak it is. */
  readonly declared?: true;
  /** What a reference names: an environment variable, or `input:id`, `file:path`, `user_config:key`. */
  readonly reference?: string;
  /** A store URI (`op://…`, `arn:aws:secretsmanager:…`). */
  readonly store?: string;
  /** The literal residue, or the whole value where there is none. */
  readonly byteStart: number;
  readonly byteEnd: number;
  /** 1-based, of the value. */
  readonly line: number;
}

export interface ConfigServer {
  readonly name: string;
  readonly pointer: string;
  /** 1-based, inclusive. */
  readonly startLine: number;
  readonly endLine: number;
  readonly byteStart: number;
  readonly byteEnd: number;
  /** The program's name, without its folder or arguments. */
  readonly command?: string;
  /** Scheme and host only: path, query and user info can hold a secret. */
  readonly url?: string;
}

export interface AgentConfig {
  readonly client: string;
  readonly agent: string;
  readonly kind: IdentityKind;
  readonly servers: readonly ConfigServer[];
  readonly slots: readonly ConfigSlot[];
  /** How references are written and read in this file. */
  readonly grammar: Grammar;
  /** The file as it was parsed: where `pointer`s lead. */
  readonly root?: Tree;
  /** What could not be read, in words for a person; lines are 1-based. */
  readonly problems: readonly { readonly message: string; readonly line: number }[];
}
