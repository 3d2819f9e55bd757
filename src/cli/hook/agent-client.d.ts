/** Of this user and version; the resident process listens there. Throws where others may write to its folder. */
export function socketPath(): string;
/** Reads a client's JSON on stdin and prints the answer in its protocol. Never throws. */
export function run(client: string): Promise<void>;
