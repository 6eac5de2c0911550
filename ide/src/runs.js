// The last run of each tab: what was asked, and what came of it beside the answer.
const listeners = new Set();
const last = new Map();

function tell() {
  listeners.forEach((listener) => listener());
}

export const runs = {
  /** The tab in front. */
  tab: null,
  subscribe(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  of(tab) {
    return last.get(tab);
  },
  begin(tab) {
    last.delete(tab);
    tell();
  },
  end(tab, run) {
    last.set(tab, run);
    tell();
  },
};
