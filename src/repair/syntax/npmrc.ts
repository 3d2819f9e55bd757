import { basename, lineStart, type Syntax } from "../syntax.ts";

/** npm expands `${NAME}` (https://docs.npmjs.com/cli/configuring-npm/npmrc), pip the same in requirements files. */
export const npmrc: Syntax = {
  takes: ({ path }) => /^(?:\.npmrc|requirements[\w.-]{0,60}\.txt)$/.test(basename(path)),
  rewrite({ path, text, start, end, variable }) {
    if (/^\s*[#;]/.test(text.slice(lineStart(text, start), start))) return { none: "the value stands in a comment; delete it there" };
    const npm = basename(path) === ".npmrc";
    const name = npm && /_authToken\s*=\s*$/.test(text.slice(lineStart(text, start), start)) ? "NPM_TOKEN" : variable.toUpperCase();
    const reference = `\${${name}}`;
    return {
      edits: [{ start, end, text: reference }],
      reference,
      name,
      next: [`${npm ? "npm" : "pip"} takes ${name} from the environment that it runs in: set it there.`],
    };
  },
};
