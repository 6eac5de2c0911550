// Says of GraphQL documents whether they are valid, by the reference implementation.
//
// Usage: node verdicts.mjs schema.graphql
// Reads lines and answers each, in order, with a line:
// {"query": "…"}                      {"valid": true|false, "errors": ["message", …]}
// {"query": "…", "variables": {…}}    the same of the values for the variables of its one operation
// {"queries": ["…", …]}               of each {"kind": "valid"|"parse"|"validation", "errors": […], "at": [line, column]},
//                                     the place being that of a syntax error

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import {
  GraphQLError,
  Kind,
  buildSchema,
  getNamedType,
  getVariableValues,
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

const messages = (errors) => errors.map((error) => error.message.toWellFormed());

function verdict(query) {
  let document;
  try {
    document = parse(query, options);
  } catch (error) {
    const [{ line, column }] = error.locations;
    return { kind: 'parse', valid: false, errors: messages([error]), at: [line, column] };
  }
  const errors = validate(schema, document, rules).filter(
    ({ message }) => !OWN_ONE_OF_ERROR.test(message),
  );
  const valid = errors.length === 0;
  return { kind: valid ? 'valid' : 'validation', valid, errors: messages(errors) };
}

function verdictOfVariables(query, variables) {
  const [{ variableDefinitions }] = parse(query, options).definitions;
  const { errors = [] } = getVariableValues(schema, variableDefinitions, variables);
  return { valid: errors.length === 0, errors: messages(errors) };
}

function answer({ query, variables, queries }) {
  if (queries) return queries.map(verdict);
  return variables ? verdictOfVariables(query, variables) : verdict(query);
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(answer(JSON.parse(line)))}\n`);
}
