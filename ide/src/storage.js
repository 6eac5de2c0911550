// What GraphiQL keeps in the browser. It would keep the headers of each request in its history, whatever is set for
// those of its tabs, and headers hold tokens: they are left out unless somebody has said in the settings to keep them.
const PREFIX = 'graphiql:';
const HISTORY = [`${PREFIX}queries`, `${PREFIX}favorites`];

export function keepsHeaders() {
  return read(`${PREFIX}shouldPersistHeaders`) === 'true';
}

export const storage = {
  getItem: read,
  setItem(key, value) {
    localStorage.setItem(key, HISTORY.includes(key) && !keepsHeaders() ? withoutHeaders(value) : value);
  },
  removeItem(key) {
    localStorage.removeItem(key);
  },
  get length() {
    return own().length;
  },
  clear() {
    own().forEach((key) => localStorage.removeItem(key));
  },
};

function withoutHeaders(text) {
  return JSON.stringify(JSON.parse(text), (key, value) => (key === 'headers' ? undefined : value));
}

function own() {
  return Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
}

// Where a browser allows a page no storage, reading it throws.
function read(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}
