import { createRoot } from 'react-dom/client';
import { useEffect } from 'react';
import { GraphiQL } from 'graphiql';
import { HISTORY_PLUGIN } from '@graphiql/plugin-history';
import { explorerPlugin } from '@graphiql/plugin-explorer';
import { useGraphiQL } from '@graphiql/react';
import { Cost } from './cost.jsx';
import { examplesPlugin } from './examples.jsx';
import { linked } from './links.js';
import { Problems } from './problems.jsx';
import { runs } from './runs.js';
import { fetcher, start } from './server.js';
import { SignIn } from './signing.jsx';
import { keepsHeaders, storage } from './storage.js';
import { CopyCurl, CopyLink } from './toolbar.jsx';

const root = document.getElementById('graphiql');
const { workerEditor, workerGraphql, workerJson } = root.dataset;
globalThis.MonacoEnvironment = {
  getWorker(_, label) {
    const file = { graphql: workerGraphql, json: workerJson }[label] ?? workerEditor;
    return new Worker(new URL(file, document.baseURI), { type: 'module', name: label });
  },
};

const { examples, explains, lacks } = await start();
const link = linked(window.location);
const tabs = examples.map(({ query, variables }) => ({ query, variables }));
if (link) tabs.unshift({ query: link.query, variables: link.variables });
const plugins = [examplesPlugin(examples), HISTORY_PLUGIN, explorerPlugin()];
const send = fetcher(explains);
// How the server's scalars are written in variables, for completion and for what is said of mistakes.
const text = { type: 'string' };
const scalars = { BigInt: text, Bytes: text, Date: text, DateTime: text, Decimal: text, JSON: {}, Time: text, UUID: text };

createRoot(root).render(
  <GraphiQL
    fetcher={send}
    plugins={plugins}
    storage={storage}
    defaultTabs={tabs.length > 0 ? tabs : undefined}
    initialQuery={link?.query}
    initialVariables={link ? (link.variables ?? '') : undefined}
    defaultEditorToolsVisibility={window.innerWidth > 720}
    customScalarSchemas={scalars}
    shouldPersistHeaders={keepsHeaders()}
    showPersistHeadersSettings
  >
    <GraphiQL.Logo>
      <a className="backref-logo" href={document.baseURI.replace(/[?#].*/, '')}>
        Backref
      </a>
    </GraphiQL.Logo>
    <GraphiQL.Toolbar>
      {({ prettify, copy, merge }) => (
        <>
          {prettify}
          {merge}
          {copy}
          <CopyCurl />
          <CopyLink />
          <SignIn />
        </>
      )}
    </GraphiQL.Toolbar>
    <GraphiQL.Footer>
      <Tab />
      <Problems />
      {explains && <Cost lacks={lacks} />}
    </GraphiQL.Footer>
  </GraphiQL>,
);

/** Tells the way of requests which tab is in front, and keeps it in sight. */
function Tab() {
  const { id, at } = useGraphiQL(({ tabs, activeTabIndex: at }) => ({ id: tabs[at].id, at }));
  useEffect(() => {
    runs.tab = id;
    document.getElementById(`graphiql-session-tab-${at}`)?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [id, at]);
  return null;
}
