// A query in the page's address. It stands behind `#`, so that it is in no server's log; `?query=` is understood, too.
const PARTS = ['query', 'variables', 'operationName'];

/** What the address asks for; null where it names no query. */
export function linked(location) {
  for (const text of [location.hash.slice(1), location.search.slice(1)]) {
    const found = new URLSearchParams(text);
    if (found.get('query')) return Object.fromEntries(PARTS.map((part) => [part, found.get(part) ?? undefined]));
  }
  return null;
}

/** The address of the page with a query in it. Headers are left out: they hold tokens. */
export function link(location, { query, variables, operationName }) {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries({ query, variables, operationName })) {
    if (value?.trim()) parts.set(name, value);
  }
  return `${location.origin}${location.pathname}#${parts}`;
}

/** The request as a line for a shell. */
export function curl(endpoint, { query, variables, operationName, headers }) {
  const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
  const body = { query, variables: hasAny(variables) ? variables : undefined, operationName: operationName ?? undefined };
  const lines = Object.entries({ 'content-type': 'application/json', ...headers }).map(
    ([name, value]) => `  -H ${quoted(`${name}: ${value}`)}`,
  );
  return [`curl ${quoted(String(endpoint))}`, ...lines, `  -d ${quoted(JSON.stringify(body))}`].join(' \\\n');
}

function hasAny(variables) {
  return variables && Object.keys(variables).length > 0;
}
