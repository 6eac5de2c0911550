// Says of GraphQL documents whether they are valid, by the reference implementation.
//
// Usage: node verdicts.mjs schema.graphql
// Reads lines {"query": "…"} and answers each, in order, with a line
// {"valid": true|false, "errors": ["message", …]}.

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { buildSchema, parse, specifiedRules, validate } from 'graphql';

// By default this version lets empty selection sets pass, which the specification does not.
const options = { allowEmptySelectionSets: false };
const schema = buildSchema(readFileSync(process.argv[2], 'utf8'));

function verdict(query) {
  let errors;
  try {
    errors = validate(schema, parse(query, options), specifiedRules);
  } catch (error) {
    errors = [error];
  }
  return { valid: errors.length === 0, errors: errors.map((error) => error.message) };
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(verdict(JSON.parse(line).query))}\n`);
}
