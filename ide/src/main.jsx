import { createRoot } from 'react-dom/client';
import { GraphiQL } from 'graphiql';
import { HISTORY_PLUGIN } from '@graphiql/plugin-history';
import { explorerPlugin } from '@graphiql/plugin-explorer';
import { fetcher } from './fetcher.js';
import { keepsHeaders, storage } from './storage.js';

const root = document.getElementById('graphiql');
const workers = {
  graphql: root.dataset.workerGraphql,
  json: root.dataset.workerJson,
};
globalThis.MonacoEnvironment = {
  getWorker(_, label) {
    const file = workers[label] ?? root.dataset.workerEditor;
    return new Worker(new URL(file, document.baseURI), { type: 'module', name: label });
  },
};

const plugins = [HISTORY_PLUGIN, explorerPlugin()];

createRoot(root).render(
  <GraphiQL
    fetcher={fetcher}
    plugins={plugins}
    storage={storage}
    shouldPersistHeaders={keepsHeaders()}
    showPersistHeadersSettings
  >
    <GraphiQL.Logo>
      <span>Backref</span>
    </GraphiQL.Logo>
  </GraphiQL>,
);
