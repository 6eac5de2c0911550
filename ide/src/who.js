// Who asks: the token that every request of the page shows, whichever tab it is of. It is kept in memory, and in this browser
// only where somebody has asked for that.
const KEPT = 'backref:token';

let state = { token: kept(), name: null };
const listeners = new Set();

function kept() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

export const who = {
  subscribe(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },

  now: () => state,

  /** From now on requests show this token; without one nobody is known. */
  is(token, name, keep) {
    state = { token: token || null, name: name ?? null };
    try {
      if (keep && token) localStorage.setItem(KEPT, token);
      else localStorage.removeItem(KEPT);
    } catch {
      // A browser that keeps nothing keeps no token either.
    }
    listeners.forEach((listener) => listener());
  },

  /** The headers of a request. What somebody has written in the editor of headers comes first. */
  headers(written = {}) {
    const says = Object.keys(written).some((name) => name.toLowerCase() === 'authorization');
    return state.token && !says ? { authorization: `Bearer ${state.token}`, ...written } : written;
  },
};
