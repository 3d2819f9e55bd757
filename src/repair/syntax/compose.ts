import { basename, type Syntax } from "../syntax.ts";
import { yamlEdit } from "../yaml.ts";

/** https://docs.docker.com/reference/compose-file/interpolation/ */
export const compose: Syntax = {
  takes: ({ path }) => /^(?:docker-)?compose(?:[.-][\w.-]{1,60})?\.ya?ml$/.test(basename(path)),
  rewrite(target) {
    const reference = `\${${target.variable}}`;
    const edit = yamlEdit(target, reference);
    if (edit === undefined) return { none: "the value stands in a comment, or where Compose expands nothing; delete it there" };
    return {
      edits: [edit],
      reference,
      name: target.variable,
      next: [`Compose takes ${target.variable} from the shell that starts it, or from an .env beside this file that git does not track.`],
    };
  },
};
