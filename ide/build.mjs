// Builds the page that the server has in its binary: `npm ci && node build.mjs` writes dist/. With `--check` nothing is
// written; it fails where dist/ is not what would be built.
//
// dist/ holds each file compressed, by brotli and by gzip, and files.rs, the table by which the server includes them.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, brotliDecompressSync, constants, gunzipSync, gzipSync } from 'node:zlib';
import * as esbuild from 'esbuild';

const ide = dirname(fileURLToPath(import.meta.url));
const dist = join(ide, 'dist');
const MEDIA = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.ttf': 'font/ttf',
  '.txt': 'text/plain; charset=utf-8',
};
const PAGE = 'index.html';
const WORKERS = {
  editor: 'monaco-editor/esm/vs/editor/editor.worker.js',
  graphql: 'monaco-graphql/esm/graphql.worker.js',
  json: 'monaco-editor/esm/vs/language/json/json.worker.js',
};

const STYLES = [
  './node_modules/@graphiql/react/dist/style.css',
  './node_modules/@graphiql/plugin-doc-explorer/dist/style.css',
  './node_modules/@graphiql/plugin-history/dist/style.css',
  './node_modules/@graphiql/plugin-explorer/dist/style.css',
  './node_modules/graphiql/dist/graphiql.css',
  './src/style.css',
];
/** What is imported when it is needed, and always is. */
const EAGER = /\/(monaco|lite)-\w+\.js$/;
/** What is ours in place of something of the packages'. */
const ours = {
  name: 'ours',
  setup(build) {
    const replace = (filter, importer, path) =>
      build.onResolve({ filter }, (asked) => (importer.test(asked.importer) ? { path: join(ide, path) } : undefined));
    replace(/^monaco-graphql\/esm\/monaco-editor\.js$/, /./, 'src/monaco.js');
    replace(/^\.\/monaco-editor$/, /\/monaco-graphql\//, 'src/monaco.js');
    // GraphiQL formats JSON by prettier with the parser of a whole programming language.
    replace(/^prettier\//, /\/@graphiql\/react\/dist\/utility\/jsonc\.js$/, 'src/prettier-json.js');
    // The same printer once, and not in two forms.
    replace(/^prettier\/parser-graphql$/, /./, 'node_modules/prettier/plugins/graphql.mjs');
  },
};

const files = await build();
if (process.argv.includes('--check')) {
  const stale = compare(files);
  if (stale.length > 0) {
    console.error(`ide/dist is stale; renew it with: npm ci --prefix ide && node ide/build.mjs\n${stale.join('\n')}`);
    process.exit(1);
  }
} else {
  write(files);
}

/** All files by name, as a client sees them. */
async function build() {
  const options = {
    absWorkingDir: ide,
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    outdir: 'dist',
    target: ['es2022'],
    legalComments: 'none',
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    assetNames: '[name]-[hash]',
    loader: { '.ttf': 'file', '.svg': 'file' },
  };
  const script = await esbuild.build({
    ...options,
    entryPoints: {
      main: 'src/main.jsx',
      ...Object.fromEntries(Object.entries(WORKERS).map(([label, path]) => [`${label}.worker`, path])),
    },
    format: 'esm',
    splitting: true,
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"production"' },
    plugins: [ours],
  });
  const names = outputs(script);
  const main = names.find((o) => o.entry === 'src/main.jsx');
  // What main imports when it runs, and what it will ask for at once: the editor. All of it is fetched side by side.
  const needed = new Set();
  const need = (name) => {
    if (needed.has(name)) return;
    needed.add(name);
    for (const i of names.find((o) => o.name === name).imports) {
      if (i.kind === 'import-statement' || EAGER.test(i.path)) need(basename(i.path));
    }
  };
  need(main.name);

  const found = new Map();
  const scripts = names.filter((o) => o.name.endsWith('.js'));
  for (const o of scripts) found.set(o.name, o.contents);
  // One sheet of all that any script has asked for. monaco's comes first, since GraphiQL's mends it.
  const sheets = Object.keys(script.metafile.inputs).filter((i) => i.endsWith('.css')).sort();
  const style = await esbuild.build({
    ...options,
    stdin: {
      contents: [...sheets.filter((s) => s.includes('/monaco-editor/')), ...STYLES]
        .map((s) => `@import ${JSON.stringify(s.startsWith('.') ? s : `./${s}`)};`)
        .join('\n'),
      resolveDir: ide,
      loader: 'css',
    },
    entryNames: 'style-[hash]',
  });
  for (const o of outputs(style)) found.set(o.name, o.contents);
  const sheet = [...found.keys()].find((n) => n.endsWith('.css'));
  const icon = named('icon.svg', readFileSync(join(ide, 'src/icon.svg')));
  found.set(...icon);
  const packages = licences([...Object.keys(script.metafile.inputs), ...Object.keys(style.metafile.inputs)]);
  const licence = named('licences.txt', Buffer.from(packages));
  found.set(...licence);

  const workers = Object.keys(WORKERS).map((label) => {
    const worker = names.find((o) => o.name.startsWith(`${label}.worker-`));
    return `data-worker-${label}="graphiql/${worker.name}"`;
  });
  const page = readFileSync(join(ide, 'src/index.html'), 'utf8')
    .replace('{{icon}}', `graphiql/${icon[0]}`)
    .replace('{{licences}}', `graphiql/${licence[0]}`)
    .replace('{{style}}', `graphiql/${sheet}`)
    .replace('{{main}}', `graphiql/${main.name}`)
    .replace('{{workers}}', workers.join(' '))
    .replace(
      '{{needed}}',
      [...needed]
        .filter((n) => n !== main.name)
        .sort()
        .map((n) => `<link rel="modulepreload" href="graphiql/${n}">`)
        .join('\n'),
    );
  found.set(PAGE, Buffer.from(page));
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function outputs(built) {
  return built.outputFiles.map((file) => {
    const name = basename(file.path);
    const [, meta] = Object.entries(built.metafile.outputs).find(([path]) => basename(path) === name);
    return { name, contents: Buffer.from(file.contents), entry: meta.entryPoint, imports: meta.imports };
  });
}

function named(name, contents) {
  const extension = extname(name);
  return [`${basename(name, extension)}-${digest(contents).slice(0, 8).toUpperCase()}${extension}`, contents];
}

function digest(contents) {
  return createHash('sha256').update(contents).digest('hex').slice(0, 16);
}

/** What each package that is in the bundle wants to be handed on with it. */
function licences(inputs) {
  const folders = new Set();
  for (const input of inputs) {
    const found = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (found) folders.add(found[1]);
  }
  const texts = [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(ide, folder, 'package.json'), 'utf8'));
    const file = readdirSync(join(ide, folder)).find((f) => /^licen[cs]e/i.test(f));
    const text = file ? readFileSync(join(ide, folder, file), 'utf8').trim() : `Licence: ${license}`;
    return `${name} ${version}\n\n${text}\n`;
  });
  return `The page is made of these packages.\n\n${texts.join(`\n${'-'.repeat(72)}\n\n`)}`;
}

function table(files) {
  const rows = [...files].map(([name, contents]) => {
    const media = MEDIA[extname(name)];
    return `    File { name: "${name}", media: "${media}", digest: "${digest(contents)}", brotli: include_bytes!("${name}.br"), gzip: include_bytes!("${name}.gz") },\n`;
  });
  return `// Written by ide/build.mjs.\n&[\n${rows.join('')}]\n`;
}

function write(files) {
  mkdirSync(dist, { recursive: true });
  const kept = new Set(readdirSync(dist));
  let [brotli, gzip] = [0, 0];
  for (const [name, contents] of files) {
    const [br, gz] = [join(dist, `${name}.br`), join(dist, `${name}.gz`)];
    // What is kept already stays byte for byte, whatever this zlib would make of it.
    if (!kept.has(`${name}.br`) || !brotliDecompressSync(readFileSync(br)).equals(contents)) {
      const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: contents.length };
      writeFileSync(br, brotliCompressSync(contents, { params }));
    }
    if (!kept.has(`${name}.gz`) || !gunzipSync(readFileSync(gz)).equals(contents)) {
      writeFileSync(gz, gzipSync(contents, { level: 9 }));
    }
    kept.delete(`${name}.br`);
    kept.delete(`${name}.gz`);
    [brotli, gzip] = [brotli + statSync(br).size, gzip + statSync(gz).size];
  }
  writeFileSync(join(dist, 'files.rs'), table(files));
  kept.delete('files.rs');
  for (const name of kept) rmSync(join(dist, name));
  const kb = (n) => `${Math.round(n / 1024)} KiB`;
  console.log(`${files.size} files; brotli ${kb(brotli)}, gzip ${kb(gzip)}, together ${kb(brotli + gzip)} in the binary`);
}

/** What of dist/ differs. Contents are compared and not their compressed forms, which another zlib makes otherwise. */
function compare(files) {
  const differ = [];
  const wanted = new Set(['files.rs', ...[...files.keys()].flatMap((n) => [`${n}.br`, `${n}.gz`])]);
  const kept = new Set(readdirSync(dist));
  for (const name of wanted) if (!kept.has(name)) differ.push(`${name} is missing`);
  for (const name of kept) if (!wanted.has(name)) differ.push(`${name} is left over`);
  if (differ.length > 0) return differ;
  for (const [name, contents] of files) {
    if (!brotliDecompressSync(readFileSync(join(dist, `${name}.br`))).equals(contents)) differ.push(`${name}.br differs`);
    if (!gunzipSync(readFileSync(join(dist, `${name}.gz`))).equals(contents)) differ.push(`${name}.gz differs`);
  }
  if (readFileSync(join(dist, 'files.rs'), 'utf8') !== table(files)) differ.push('files.rs differs');
  return differ;
}
