// What the toolbar has beside GraphiQL's own.
import { ToolbarButton, useGraphiQL } from '@graphiql/react';
import { useCopied } from './copy.jsx';
import { curl, link } from './links.js';
import { ENDPOINT } from './server.js';
import { parsed } from './variables.js';
import { who } from './who.js';

export function CopyCurl() {
  const [copied, copy] = useCopied();
  const read = useWritten();
  const onClick = () => {
    const { headers, variables, ...rest } = read();
    return copy(curl(ENDPOINT, { ...rest, variables: parsed(variables), headers: who.headers(parsed(headers) ?? {}) }));
  };
  return (
    <ToolbarButton label={copied ? 'Copied' : 'Copy as curl, with its headers'} onClick={onClick}>
      <svg viewBox="0 0 24 24" className="graphiql-toolbar-icon" aria-hidden="true">
        <path d="M4 5h16v14H4zM7 9l3 3-3 3M12 15h5" fill="none" stroke="currentColor" strokeWidth="1.5" />
      </svg>
    </ToolbarButton>
  );
}

export function CopyLink() {
  const [copied, copy] = useCopied();
  const read = useWritten();
  return (
    <ToolbarButton label={copied ? 'Copied' : 'Copy a link to this query'} onClick={() => copy(link(window.location, read()))}>
      <svg viewBox="0 0 24 24" className="graphiql-toolbar-icon" aria-hidden="true">
        <path
          d="M10 14a4 4 0 0 0 5.7 0l3.1-3.1a4 4 0 0 0-5.7-5.7L12 6.3M14 10a4 4 0 0 0-5.7 0l-3.1 3.1a4 4 0 0 0 5.7 5.7L12 17.7"
          fill="none"
          stroke="currentColor"
          strokeWidth="1.5"
        />
      </svg>
    </ToolbarButton>
  );
}

/** What stands in the editors now. */
function useWritten() {
  const { queryEditor, variableEditor, headerEditor, operationName } = useGraphiQL((state) => ({
    queryEditor: state.queryEditor,
    variableEditor: state.variableEditor,
    headerEditor: state.headerEditor,
    operationName: state.operationName,
  }));
  return () => ({
    query: queryEditor?.getValue() ?? '',
    variables: variableEditor?.getValue() ?? '',
    headers: headerEditor?.getValue() ?? '',
    operationName,
  });
}
