// Stands for prettier where GraphiQL formats JSON with comments: jsonc-parser is there anyway, a tenth of the size.
import { applyEdits, format as edits } from 'jsonc-parser';

export const printers = {};
export const parsers = {};

export function format(content) {
  const options = { insertSpaces: true, tabSize: 2, insertFinalNewline: content.trim() !== '' };
  return applyEdits(content, edits(content, undefined, options));
}
