import { closeSync, fsyncSync, openSync } from "node:fs";
import type { PGlite } from "@electric-sql/pglite";
import { NodeFS } from "@electric-sql/pglite/nodefs";

/** The parts of Emscripten's NODEFS that we reach into. */
interface NodeStream {
  /** The host's file descriptor; directories have none. */
  readonly nfd?: number;
  readonly node: object;
}

interface NodeFilesystem {
  stream_ops: { fsync?: (stream: NodeStream) => number };
  realPath(node: object): string;
}

type Init = Parameters<NodeFS["init"]>;

/**
 * PGlite's directory on the host with an fsync that reaches the disk. As shipped (0.5.14) NODEFS has no `fsync`
 * operation, so that a commit is acknowledged while it stands in the page cache only.
 */
export class DurableFS extends NodeFS {
  /** How many times the database asked for an fsync and got it. */
  syncs = 0;

  override async init(database: PGlite, options: Init[1]): ReturnType<NodeFS["init"]> {
    const { emscriptenOpts } = await super.init(database, options);
    const counting = (stream: NodeStream, filesystem: NodeFilesystem) => {
      sync(stream, filesystem);
      this.syncs += 1;
      return 0;
    };
    return {
      emscriptenOpts: {
        ...emscriptenOpts,
        preRun: [
          ...(emscriptenOpts.preRun ?? []),
          (module) => {
            const filesystem = module.FS.filesystems.NODEFS as unknown as NodeFilesystem;
            filesystem.stream_ops.fsync = (stream) => counting(stream, filesystem);
          },
        ],
      },
    };
  }
}

function sync(stream: NodeStream, filesystem: NodeFilesystem): void {
  if (stream.nfd !== undefined) {
    fsyncSync(stream.nfd);
    return;
  }
  const directory = openSync(filesystem.realPath(stream.node), "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
