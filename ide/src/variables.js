import { parse } from 'jsonc-parser';

/** The variables as an object; null where the text is none (yet). */
export function parsed(text) {
  if (!text?.trim()) return {};
  const errors = [];
  const value = parse(text, errors, { allowTrailingComma: true, allowEmptyContent: true });
  if (errors.length > 0) return null;
  if (value === undefined) return {};
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null;
}
