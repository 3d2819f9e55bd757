/**
 * What git may inherit from the environment that started Rekey: where programs and certificates are, and how this machine reaches
 * the network. Nothing that names a repository, changes its configuration or traces what it does.
 */
export function gitEnvironment(environment: NodeJS.ProcessEnv = process.env): Record<string, string> {
  return picked(environment, inherited);
}

/**
 * Inside a hook git says by these variables which repository, index and object folder the hook is about: `git commit -a` and
 * `git commit FILE` use a temporary index, and a pre-receive hook sees the pushed objects only in a quarantine folder.
 */
export function hookEnvironment(environment: NodeJS.ProcessEnv = process.env): Record<string, string> {
  return picked(environment, hook);
}

const inherited = [
  "PATH",
  "HOME",
  "TMPDIR",
  "TEMP",
  "SystemRoot",
  "SSH_AUTH_SOCK",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "ALL_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "all_proxy",
  "no_proxy",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "GIT_SSL_CAINFO",
  "GIT_SSL_CAPATH",
  "GIT_CONFIG_GLOBAL",
  "GIT_CONFIG_SYSTEM",
  "GIT_SSH_COMMAND",
];

const hook = [
  "GIT_DIR",
  "GIT_COMMON_DIR",
  "GIT_WORK_TREE",
  "GIT_INDEX_FILE",
  "GIT_OBJECT_DIRECTORY",
  "GIT_ALTERNATE_OBJECT_DIRECTORIES",
  "GIT_QUARANTINE_PATH",
];

function picked(environment: NodeJS.ProcessEnv, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = environment[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
