// Says of GraphQL documents whether they are valid, by the reference implementation.
//
// Usage: node verdicts.mjs schema.graphql
// Reads lines {"query": "…"} and answers each, in order, with a line
// {"valid": true|false, "errors": ["message", …]}.

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import {
  GraphQLError,
  Kind,
  buildSchema,
  getNamedType,
  parse,
  specifiedRules,
  validate,
} from 'graphql';

// By default this version lets empty selection sets pass, which the specification does not.
const options = { allowEmptySelectionSets: false };
const schema = buildSchema(readFileSync(process.argv[2], 'utf8'));

// All Variable Usages Are Allowed (section 5.8.5): the field of a OneOf Input Object takes a variable
// of a nullable type only where that has a default other than null. This version takes none, but
// overlooks the objects whose own type is wrapped, as in `orderBy: [{id: $direction}]`.
const OWN_ONE_OF_ERROR = /must be non-nullable to be used for OneOf Input Object/;

function oneOfVariables(context) {
  const fieldsOfOneOf = new Set();
  return {
    ObjectField(field) {
      const object = getNamedType(context.getParentInputType());
      if (object?.isOneOf && field.value.kind === Kind.VARIABLE) fieldsOfOneOf.add(field.value);
    },
    Document: {
      leave({ definitions }) {
        for (const operation of definitions) {
          if (operation.kind !== Kind.OPERATION_DEFINITION) continue;
          const mayBeNull = (operation.variableDefinitions ?? [])
            .filter(({ type }) => type.kind !== Kind.NON_NULL_TYPE)
            .filter(({ defaultValue: value }) => !value || value.kind === Kind.NULL)
            .map(({ variable }) => variable.name.value);
          for (const { node } of context.getRecursiveVariableUsages(operation)) {
            if (fieldsOfOneOf.has(node) && mayBeNull.includes(node.name.value)) {
              const message = `Variable "$${node.name.value}" may be null in a OneOf Input Object.`;
              context.reportError(new GraphQLError(message));
            }
          }
        }
      },
    },
  };
}

const rules = [...specifiedRules, oneOfVariables];

function verdict(query) {
  let errors;
  try {
    errors = validate(schema, parse(query, options), rules);
    errors = errors.filter(({ message }) => !OWN_ONE_OF_ERROR.test(message));
  } catch (error) {
    errors = [error];
  }
  return { valid: errors.length === 0, errors: errors.map((error) => error.message.toWellFormed()) };
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(verdict(JSON.parse(line).query))}\n`);
}
