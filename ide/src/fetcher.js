// The way of a request. The address is relative, so that the page also works below a path of another server.
const ENDPOINT = new URL('graphql', document.baseURI);

export async function fetcher(params, { headers } = {}) {
  const response = await fetch(ENDPOINT, {
    method: 'POST',
    headers: {
      accept: 'application/graphql-response+json, application/json;q=0.9',
      'content-type': 'application/json',
      ...headers,
    },
    body: JSON.stringify(params),
  });
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${ENDPOINT.pathname} answered ${response.status} with what is no JSON: ${text.slice(0, 500)}`);
  }
}
