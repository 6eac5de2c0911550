// What is asked of the server. Addresses are relative, so that the page also works below a path of a proxy.
import { getIntrospectionQuery, parse } from 'graphql';
import { runs } from './runs.js';
import { who } from './who.js';

export const ENDPOINT = new URL('graphql', document.baseURI);
const PLAN = new URL('graphiql/plan', document.baseURI);
const START = new URL('graphiql/start.json', document.baseURI);

const JSON_TYPE = { 'content-type': 'application/json' };
const EXPLAIN = 'x-backref-explain';
// With all that the server has to say of its types, which GraphiQL's own query leaves out: `@oneOf` among it.
const INTROSPECTION = getIntrospectionQuery({
  inputValueDeprecation: true,
  oneOf: true,
  schemaDescription: true,
  specifiedByUrl: true,
});

/** What the page begins with: examples made of this graph, and whether it may ask what a query costs. */
export async function start() {
  try {
    return await (await fetch(START)).json();
  } catch {
    return { examples: [], explains: false, lacks: [] };
  }
}

/** The way of a request from the editor. What it cost is kept in `runs`, so that the answer is what every client gets. */
export function fetcher(explains) {
  return async (params, { headers } = {}) => {
    if (params.operationName === 'IntrospectionQuery') return send({ ...params, query: INTROSPECTION }, headers);
    const asksItself = Object.keys(headers ?? {}).some((name) => name.toLowerCase() === EXPLAIN);
    const tab = runs.tab;
    params = withItsOperation(params);
    runs.begin(tab);
    const [answer, plan] = await Promise.all([
      send(params, explains ? { [EXPLAIN]: '1', ...headers } : headers),
      explains ? planOf(params, { headers }) : undefined,
    ]);
    runs.end(tab, { params, plan: plan?.plan, cost: answer.extensions?.backref, errors: answer.errors ?? [] });
    if (!explains || asksItself || !answer.extensions) return answer;
    const { extensions, ...rest } = answer;
    const { backref, ...others } = extensions;
    return Object.keys(others).length > 0 ? { ...rest, extensions: others } : rest;
  };
}

/** `{ plan }` for whoever asks, or `{ errors }` where there is none. */
export async function planOf({ query, variables, operationName }, { headers, signal } = {}) {
  const body = JSON.stringify({ query, variables, operationName });
  try {
    const response = await fetch(PLAN, { method: 'POST', headers: { ...JSON_TYPE, ...who.headers(headers) }, body, signal });
    return await response.json();
  } catch (error) {
    return { errors: [{ message: String(error) }] };
  }
}

/** GraphiQL notes the operation a moment after the text: another tab's may still be named. */
function withItsOperation(params) {
  try {
    const { definitions } = parse(params.query);
    const names = definitions.filter((d) => d.kind === 'OperationDefinition').map((d) => d.name?.value);
    return names.includes(params.operationName) ? params : { ...params, operationName: names.length === 1 ? names[0] : undefined };
  } catch {
    return params;
  }
}

/** The server's answer to a request of whoever asks. */
export async function send(params, headers) {
  const response = await fetch(ENDPOINT, {
    method: 'POST',
    // By this type errors come with status 200, which a browser does not report on its console as if the page had failed.
    headers: { accept: 'application/json', ...JSON_TYPE, ...who.headers(headers) },
    body: JSON.stringify(params),
  });
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${ENDPOINT.pathname} answered ${response.status} with what is no JSON: ${text.slice(0, 500)}`);
  }
}
