// The examples that the server has made of its graph: the first tabs, and a list to come back to.
import { useGraphiQL, useGraphiQLActions } from '@graphiql/react';

export function examplesPlugin(examples) {
  return { title: 'Examples', icon: Icon, content: () => <Examples examples={examples} /> };
}

function Examples({ examples }) {
  const { addTab } = useGraphiQLActions();
  const { queryEditor, variableEditor } = useGraphiQL(({ queryEditor, variableEditor }) => ({ queryEditor, variableEditor }));
  const open = ({ query, variables }) => {
    addTab();
    queryEditor.setValue(query);
    variableEditor.setValue(variables ?? '');
  };
  return (
    <section aria-label="Examples">
      <h2 className="backref-title">Examples</h2>
      <p className="backref-quiet">Made of this graph. Each opens in a tab of its own.</p>
      <ul className="backref-examples">
        {examples.map((example) => (
          <li key={example.name}>
            <button type="button" onClick={() => open(example)}>
              <b>{example.name}</b>
              <span>{about(example.query)}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** The comment that an example begins with. */
function about(query) {
  const lines = query.split('\n');
  const end = lines.findIndex((line) => !line.startsWith('#'));
  return lines
    .slice(0, end)
    .map((line) => line.slice(1).trim())
    .join(' ');
}

function Icon(props) {
  return (
    <svg viewBox="0 0 24 24" height="1em" fill="none" stroke="currentColor" strokeWidth="1.5" {...props}>
      <path d="M9 18h6M10 21h4M8.5 15c-2-1.3-3.5-3.2-3.5-6a7 7 0 0 1 14 0c0 2.8-1.5 4.7-3.5 6z" />
    </svg>
  );
}
