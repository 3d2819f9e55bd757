import type { Origin } from "../document.ts";
import type { Finding } from "../finding.ts";
import { gunzip } from "./archive/gzip.ts";
import { type Member, UnreadableError } from "./archive/member.ts";
import { tarMembers } from "./archive/tar.ts";
import { zipMembers } from "./archive/zip.ts";
import type { Tally } from "./scanner.ts";

/** Enough for what people commit, too little for an archive made to exhaust a machine. Sizes in bytes. */
const limits = { archive: 128 << 20, member: 64 << 20, total: 512 << 20, members: 20_000, depth: 3 };

/** Whether a file of this name is opened: zip and its kin, tar, gzip. */
export function isArchive(path: string): boolean {
  return kindOf(path) !== undefined;
}

/**
 * Scans the members of an archive, also of archives in it, as `a.zip!/b.env`. Nothing is written to disk, so names are only labels.
 * What cannot be opened is scanned as it stands and reported.
 */
export function scanArchive(of: {
  size: number;
  read: (position: number, length: number) => Buffer;
  origin: Origin;
  tally: Tally;
}): Finding[] {
  const { size, read, origin, tally } = of;
  const path = origin.path ?? "";
  if (size > limits.archive) {
    tally.skip(path, `archive of ${size} bytes: larger than the limit, not opened`, true);
    return [];
  }
  const bytes = Buffer.from(read(0, size));
  return open({ bytes, label: path, inner: [], origin, tally, budget: { bytes: limits.total, members: limits.members } });
}

/**
 * The bytes of what a locator's `member` names (`inner.zip!/b.env`), again from the archive's bytes. An archive may hold a name twice:
 * all of them. Empty where it cannot be opened any more.
 */
export function memberBytes(bytes: Buffer, path: string, member: string): Buffer[] {
  const budget = { bytes: limits.total, members: limits.members };
  const found: Buffer[] = [];
  const look = (archive: Buffer, label: string, inner: readonly string[]) => {
    try {
      for (const { name, bytes: content } of membersOf(label, archive, budget)) {
        if (content === undefined) continue;
        budget.members--;
        budget.bytes -= content.length;
        if (budget.members < 0 || budget.bytes < 0) return;
        const names = [...inner, name];
        const here = names.join("!/");
        if (here === member) found.push(content);
        else if (member.startsWith(`${here}!/`) && isArchive(name) && names.length < limits.depth) look(content, name, names);
      }
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw error;
    }
  };
  look(bytes, path, []);
  return found;
}

interface Opened {
  readonly bytes: Buffer;
  readonly label: string;
  /** Names of the members on the way in. */
  readonly inner: readonly string[];
  readonly origin: Origin;
  readonly tally: Tally;
  readonly budget: { bytes: number; members: number };
}

function open(archive: Opened): Finding[] {
  const { bytes, label, inner, tally, budget } = archive;
  const found: Finding[] = [];
  try {
    for (const member of membersOf(label, bytes, budget)) {
      if (member.bytes === undefined) {
        tally.skip(`${label}!/${member.name}`, member.problem, true);
        continue;
      }
      budget.members--;
      budget.bytes -= member.bytes.length;
      if (budget.members < 0 || budget.bytes < 0) throw new UnreadableError("has more than is read: the rest was left out");
      found.push(...scanMember({ ...archive, bytes: member.bytes, label: `${label}!/${member.name}`, inner: [...inner, member.name] }));
    }
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    tally.skip(label, `archive ${error.message}`, true);
    if (found.length === 0) found.push(...scanMember({ ...archive, inner: inner }, true));
  }
  return found;
}

function scanMember(member: Opened, asItStands = false): Finding[] {
  const { bytes, label, inner, origin, tally } = member;
  if (!asItStands && isArchive(label)) {
    if (inner.length < limits.depth) return open(member);
    tally.skip(label, "archive nested too deep: not opened", true);
  }
  const findings = tally.read({ bytes, origin: { ...origin, path: label } });
  if (inner.length === 0) return findings;
  return findings.map((finding) => ({
    ...finding,
    locator: { ...finding.locator, ...(origin.path === undefined ? {} : { path: origin.path }), member: inner.join("!/") },
  }));
}

function membersOf(label: string, bytes: Buffer, budget: { bytes: number }): Iterable<Member> {
  const most = Math.min(limits.member, budget.bytes);
  switch (kindOf(label)) {
    case "zip":
      return zipMembers(bytes, most);
    case "tar":
      return tarMembers(bytes, most);
    case "tar.gz":
      return tarMembers(gunzip(bytes, budget.bytes), most);
    default:
      return [{ name: (label.split("/").at(-1) ?? "").replace(/\.gz$/i, ""), bytes: gunzip(bytes, most) }];
  }
}

function kindOf(path: string): "zip" | "tar" | "tar.gz" | "gz" | undefined {
  if (/\.(?:zip|jar|war|ear|whl|egg|nupkg|vsix|xpi|crx|apk|aar|ipa|mcpb|dxt|docx|xlsx|pptx|odt|ods)$/i.test(path)) return "zip";
  if (/\.(?:tgz|tar\.gz)$/i.test(path)) return "tar.gz";
  if (/\.(?:tar|gem)$/i.test(path)) return "tar";
  return /\.gz$/i.test(path) ? "gz" : undefined;
}
