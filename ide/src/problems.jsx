// The errors of the last answer at their place in the document, each with what the server says to do about it.
import { useEffect, useSyncExternalStore } from 'react';
import { useGraphiQL, useMonaco } from '@graphiql/react';
import { runs } from './runs.js';

const OWNER = 'backref';

export function Problems() {
  const { tab, queryEditor } = useGraphiQL(({ tabs, activeTabIndex, queryEditor }) => ({
    tab: tabs[activeTabIndex].id,
    queryEditor,
  }));
  const monaco = useMonaco(({ monaco }) => monaco);
  const run = useSyncExternalStore(runs.subscribe, () => runs.of(tab));
  const errors = run?.errors ?? NONE;
  useEffect(() => {
    const model = queryEditor?.getModel();
    if (!model || !monaco) return undefined;
    monaco.editor.setModelMarkers(model, OWNER, errors.flatMap((error) => markers(error, model, monaco)));
    // Once the text is another one, places in it are no longer those of the errors.
    const edited = model.onDidChangeContent(() => monaco.editor.setModelMarkers(model, OWNER, []));
    return () => edited.dispose();
  }, [errors, queryEditor, monaco]);
  if (errors.length === 0) return null;
  const go = ({ line, column }) => {
    queryEditor.setPosition({ lineNumber: line, column });
    queryEditor.revealLineInCenterIfOutsideViewport(line);
    queryEditor.focus();
  };
  return (
    <section className="backref-problems" aria-label="Errors">
      <ul>
        {errors.slice(0, MOST).map((error, i) => (
          <li key={i}>
            {error.locations?.[0] && (
              <button type="button" onClick={() => go(error.locations[0])}>
                {error.locations[0].line}:{error.locations[0].column}
              </button>
            )}
            {error.extensions?.code && <code>{error.extensions.code}</code>}
            <span>{error.message}</span>
            {error.path && <code className="backref-quiet">{error.path.join('.')}</code>}
          </li>
        ))}
        {errors.length > MOST && <li className="backref-quiet">and {errors.length - MOST} more, in the answer</li>}
      </ul>
    </section>
  );
}

const NONE = [];
const MOST = 20;

function markers(error, model, monaco) {
  return (error.locations ?? []).map(({ line, column }) => {
    const word = line <= model.getLineCount() ? model.getWordAtPosition({ lineNumber: line, column }) : null;
    return {
      severity: monaco.MarkerSeverity.Error,
      message: error.message,
      source: error.extensions?.code,
      startLineNumber: line,
      startColumn: column,
      endLineNumber: line,
      endColumn: word?.endColumn ?? column + 1,
    };
  });
}
