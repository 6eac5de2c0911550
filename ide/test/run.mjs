// What somebody does with the page, in a real browser: `node ide/test/run.mjs http://127.0.0.1:8000`, where Backref
// serves a graph with content. With `--pictures FOLDER` each step leaves one there; with `--readme` those of the README
// are made anew. `--secret SECRET` is the server's `JWT_SECRET`, by which the step that signs in makes its token.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { watch, withBrowser } from './browser.mjs';

const [origin] = process.argv.slice(2).filter((a) => a.startsWith('http'));
const given = (option) => (process.argv.includes(option) ? process.argv[process.argv.indexOf(option) + 1] : null);
const pictures = given('--pictures');
const secret = given('--secret');
const readme = process.argv.includes('--readme') ? fileURLToPath(new URL('../screenshots', import.meta.url)) : null;
for (const folder of [pictures, readme]) if (folder) mkdirSync(folder, { recursive: true });
if (!origin) throw new Error('say where Backref listens: node ide/test/run.mjs http://127.0.0.1:8000');

const README_SHOWS = 'ran-relations';

const VIEWS = [
  { name: 'desktop-dark', width: 1280, height: 800, scheme: 'dark' },
  { name: 'desktop-light', width: 1280, height: 800, scheme: 'light' },
  { name: 'narrow-dark', width: 400, height: 800, scheme: 'dark' },
  { name: 'narrow-light', width: 400, height: 800, scheme: 'light' },
];

/** How long a step waits for what the page should show, in milliseconds. */
const PATIENCE = 60_000;

/** Looks until what is looked for holds: the page colours, copies and tidies up a moment after it was told to. */
async function eventually(look) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** What the steps share: the page as a person sees it. */
class Visit {
  constructor(context, page, view, seen) {
    Object.assign(this, { context, page, view, seen });
  }

  get isNarrow() {
    return this.view.width < 720;
  }

  async open(path = '/') {
    await this.page.goto(origin + path);
    await this.editor('.graphiql-query-editor').waitFor();
    // The types are there once something can be said of a field.
    await this.page.waitForFunction(() => !document.querySelector('.graphiql-spin'));
  }

  editor(within) {
    return this.page.locator(`${within} .monaco-editor .view-lines`).first();
  }

  /** Replaces what stands in an editor by pasting: while one types, brackets are completed. */
  async write(within, text) {
    await this.page.evaluate((pasted) => navigator.clipboard.writeText(pasted), text);
    await this.page.locator(`${within} .monaco-editor`).first().click({ position: { x: 80, y: 10 } });
    await this.page.keyboard.press('Control+A');
    await this.page.keyboard.press('Delete');
    if (text !== '') await this.page.keyboard.press('Control+V');
  }

  /** What an editor shows. Only lines in sight are in the page. */
  async text(within) {
    const lines = await this.page.locator(`${within} .monaco-editor .view-line`).evaluateAll((found) =>
      found
        .map((line) => [Number.parseFloat(line.style.top), line.textContent])
        .sort(([a], [b]) => a - b)
        .map(([, text]) => text),
    );
    return lines.join('\n').replaceAll('\u00a0', ' ');
  }

  /** Presses the button and gives what the server answered, as it came. */
  async run() {
    const answered = this.page.waitForResponse((r) => r.url() === `${origin}/graphql` && r.request().method() === 'POST');
    await this.page.getByRole('button', { name: /Execute query/ }).click();
    const response = await answered;
    const answer = await response.json();
    await this.page.waitForFunction(() => document.querySelector('.graphiql-response .view-line')?.textContent.trim());
    return answer;
  }

  /** What the panel of costs shows. */
  async panel() {
    return this.page.evaluate(() => {
      const cells = (row) => [...row.querySelectorAll('td')].map((cell) => cell.textContent.trim());
      return {
        summary: document.querySelector('.backref-cost-head > span').textContent,
        lines: [...document.querySelectorAll('.backref-cost-tree tbody tr[data-path]')].map((row) => {
          const [keys, rows, ms] = cells(row);
          return { path: row.dataset.path, keys, rows, ms };
        }),
      };
    });
  }

  /** Shows the editor of variables or of headers. */
  async openTool(name) {
    const tool = this.page.locator('.graphiql-editor-tools').getByRole('button', { name, exact: true });
    if (!(await tool.getAttribute('class')).includes('active')) await tool.click();
  }

  /** Presses a button that copies, and says so for a moment: until it has been seen to. */
  async copy(within, name) {
    await eventually(async () => {
      await within.getByRole('button', { name }).click();
      await within.getByRole('button', { name: 'Copied' }).waitFor({ timeout: 2_000 });
    });
  }

  /** Holds what was copied against `check`. */
  copies(check) {
    return eventually(async () => check(await this.page.evaluate(() => navigator.clipboard.readText())));
  }

  async isWithinItsWidth() {
    await eventually(async () => {
      const standsOut = await this.page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
      assert.equal(standsOut, false, 'something stands out');
    });
  }

  async picture(name) {
    const shown = readme && name === README_SHOWS && this.isNarrow === false;
    if (shown) await this.page.screenshot({ path: join(readme, `${this.view.scheme}.png`) });
    if (pictures) await this.page.screenshot({ path: join(pictures, `${this.view.name}-${name}.png`) });
  }
}

const STEPS = {
  async 'the page is up, in the colours of the system'(visit) {
    await visit.open();
    const ready = await visit.page.evaluate(() => performance.now());
    visit.figures = { ready: Math.round(ready) };
    assert.match(await visit.page.title(), /Backref/);
    const { paint, bytes } = await visit.page.evaluate(() => ({
      paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime,
      bytes: performance.getEntries().reduce((sum, e) => sum + (e.transferSize ?? 0), 0),
    }));
    assert.ok(bytes < 2 << 20, `${bytes} bytes on the wire`);
    Object.assign(visit.figures, { paint: Math.round(paint), kib: Math.round(bytes / 1024) });
    await eventually(async () => {
      const isDark = await visit.page.evaluate(() => {
        const [r, g, b] = getComputedStyle(document.querySelector('.graphiql-container')).backgroundColor.match(/\d+/g);
        return Number(r) + Number(g) + Number(b) < 384;
      });
      assert.equal(isDark, visit.view.scheme === 'dark');
    });
    await visit.isWithinItsWidth();
  },

  async 'the first tabs are examples of this graph, and highlighted'(visit) {
    visit.start = await visit.page.evaluate(async () => (await fetch('graphiql/start.json')).json());
    assert.ok(visit.start.examples.length > 1);
    await eventually(async () => {
      const titles = await visit.page.locator('[id^="graphiql-session-tab-"]').allTextContents();
      assert.deepEqual(titles, visit.start.examples.map((e) => e.name));
    });
    const [first] = visit.start.examples;
    await eventually(async () => {
      assert.equal((await visit.text('.graphiql-query-editor')).split('\n')[0].trimEnd(), first.query.split('\n')[0]);
      const colours = await visit.page
        .locator('.graphiql-query-editor .view-line span span')
        .evaluateAll((spans) => new Set(spans.map((s) => getComputedStyle(s).color)).size);
      assert.ok(colours > 3, `${colours} colours`);
    });
    await visit.picture('first');
  },

  async 'each first tab runs, its answer has rows, and the panel says of it what extensions.backref says'(visit) {
    visit.ran = [];
    for (const [i, example] of visit.start.examples.entries()) {
      await visit.page.locator(`#graphiql-session-tab-${i}`).click();
      const answer = await visit.run();
      assert.equal(answer.errors, undefined, JSON.stringify(answer.errors));
      const found = Object.values(answer.data);
      assert.ok(found.every((f) => (Array.isArray(f) ? f.length > 0 : f !== null)), JSON.stringify(answer.data));
      // What the answer shows is what every client gets.
      await eventually(async () => assert.match(await visit.text('.graphiql-response'), /"data"/));
      await eventually(async () => tellsWhatRan(await visit.panel(), answer));
      visit.ran.push({ example, answer });
      await visit.picture(`ran-${example.name.toLowerCase()}`);
    }
  },

  async 'its SQL is there on a click, and is copied'(visit) {
    const { answer } = visit.ran.at(-1);
    const [{ path, sql }] = answer.extensions.backref.statements;
    await visit.page.locator(`tr[data-path="${path}"] th button`).click();
    await eventually(async () => assert.equal(await visit.page.locator('.backref-sql pre').textContent(), sql));
    await visit.copy(visit.page, 'Copy SQL');
    await visit.copies((copied) => assert.equal(copied, sql));
    await visit.picture('sql');
    await visit.page.locator(`tr[data-path="${path}"] th button`).click();
  },

  async 'fields are completed, and the plan is there before it runs'(visit) {
    await visit.page.getByRole('button', { name: 'New tab' }).click();
    const root = rootField(visit.start.examples[0].query);
    await visit.write('.graphiql-query-editor', '');
    await visit.page.keyboard.type(`{ ${root.slice(0, 3)}`);
    await visit.page.keyboard.press('Control+Space');
    const suggestion = visit.page.locator('.suggest-widget .monaco-list-row').filter({ hasText: root }).first();
    await suggestion.waitFor();
    await visit.picture('completion');
    await visit.page.keyboard.press('Escape');
    await visit.write('.graphiql-query-editor', `{ ${root}(limit: 7) { id } }`);
    await visit.page.waitForFunction(() => /at most 1 statement and 7 rows/.test(document.querySelector('.backref-cost')?.textContent));
    await eventually(async () => {
      const [line] = (await visit.panel()).lines;
      assert.equal(line.path, root);
      assert.match(line.rows, /≤ 7$/);
    });
    await visit.write('.graphiql-query-editor', `{ ${root}(limit: 1000000) { id } }`);
    await visit.page.waitForFunction(() => /at most 1000/.test(document.querySelector('.backref-cost')?.textContent));
  },

  async 'what the database lacks is told at the field that is slow for it'(visit) {
    for (const { fields, says, mendedBy } of visit.start.lacks.slice(0, 1)) {
      const [, root] = fields.find((field) => field.startsWith('Query.')).split('.');
      await visit.write('.graphiql-query-editor', `{ ${root}(limit: 2) { id } }`);
      const told = visit.page.locator(`tr[data-path="${root}"] .backref-lack`);
      await told.waitFor();
      assert.ok((await told.textContent()).includes(says));
      await visit.copy(told, 'Copy what mends it');
      await visit.copies((copied) => assert.equal(copied, mendedBy.join('\n')));
      await visit.picture('lacks');
    }
  },

  async 'the explorer builds a query'(visit) {
    await visit.write('.graphiql-query-editor', '');
    await visit.page.getByRole('button', { name: /GraphiQL Explorer/ }).click();
    const root = rootField(visit.start.examples[0].query);
    await visit.page.locator('.graphiql-explorer-root').waitFor();
    await visit.page.locator(`[data-field-name="${root}"] .graphiql-explorer-field-view`).first().click();
    await visit.page.waitForFunction(() => document.querySelector('.graphiql-plugin')?.textContent.length > 0);
    await visit.picture('explorer');
    await visit.page.getByRole('button', { name: /GraphiQL Explorer/ }).click();
    await visit.page.waitForFunction(
      (field) => document.querySelector('.graphiql-query-editor .view-lines').textContent.includes(field),
      root,
    );
  },

  async 'the documentation tells what a type is'(visit) {
    await visit.page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
    const docs = visit.page.locator('.graphiql-doc-explorer');
    await docs.getByRole('link', { name: 'Query', exact: true }).or(docs.locator('a', { hasText: /^Query$/ })).first().click();
    await docs.getByText('Everything that can be read.').waitFor();
    await visit.picture('documentation');
    await visit.page.getByRole('button', { name: 'Hide Documentation Explorer' }).click();
  },

  async 'a mistake in a variable is shown with its place and its remedy'(visit) {
    const root = rootField(visit.start.examples[0].query);
    await visit.write('.graphiql-query-editor', `query Wrong(\n  $limit: Int!\n) {\n  ${root}(limit: $limit) { id }\n}`);
    await visit.openTool('Variables');
    await visit.write('.graphiql-editor-tool', '{"limit": "ten"}');
    // The editor knows the type, and says so before anything is sent.
    await visit.page.locator('.graphiql-editor-tool .squiggly-error').first().waitFor({ state: 'attached' });
    const answer = await visit.run();
    const [{ message, locations, extensions }] = answer.errors;
    const [{ line, column }] = locations;
    const problem = visit.page.locator('.backref-problems li').first();
    await problem.filter({ hasText: message }).filter({ hasText: extensions.code }).waitFor();
    await problem.getByRole('button', { name: `${line}:${column}` }).click();
    await visit.page.locator('.graphiql-query-editor .squiggly-error').first().waitFor({ state: 'attached' });
    await visit.picture('error');
    await visit.write('.graphiql-editor-tool', '{"limit": 2}');
    assert.equal((await visit.run()).errors, undefined);
    await visit.page.locator('.backref-problems').waitFor({ state: 'detached' });
  },

  async 'headers are sent, and kept nowhere'(visit) {
    await visit.openTool('Headers');
    await visit.write('section[aria-label="Headers"] .graphiql-editor:not(.hidden)', '{"x-secret": "tell-nobody"}');
    const asked = visit.page.waitForRequest((r) => r.url() === `${origin}/graphql` && r.method() === 'POST');
    await visit.run();
    assert.equal((await asked).headers()['x-secret'], 'tell-nobody');
    await visit.page.getByRole('button', { name: /as curl/ }).click();
    await visit.copies((line) => {
      assert.match(line, /^curl 'http:.*\/graphql'/);
      assert.match(line, /-H 'x-secret: tell-nobody'/);
    });
    // GraphiQL writes what it keeps half a second after the last key: headers, if it kept them, by then.
    await visit.page.waitForTimeout(700);
    const kept = await eventually(async () => {
      const stored = await visit.page.evaluate(() => JSON.stringify({ ...localStorage }));
      assert.match(stored, /query Wrong/);
      return stored;
    });
    assert.doesNotMatch(kept, /tell-nobody/);
    await visit.write('section[aria-label="Headers"] .graphiql-editor:not(.hidden)', '');
    await visit.openTool('Variables');
  },

  async 'somebody signs in by a token, for all tabs'(visit) {
    // Where nobody has said by what tokens are signed, there is nobody to be.
    if (!secret) return;
    const { page } = visit;
    const dialog = page.getByRole('dialog', { name: 'Who asks' });
    const open = async (label) => page.getByRole('button', { name: label }).click();
    const asked = async () => {
      const request = page.waitForRequest((r) => r.url() === `${origin}/graphql` && r.method() === 'POST');
      await visit.run();
      return (await request).headers().authorization;
    };
    await open(/^Sign in, for all tabs/);
    await dialog.getByLabel(/token/).fill('no token at all');
    await dialog.getByRole('button', { name: 'Sign in', exact: true }).click();
    await dialog.getByRole('alert').waitFor();
    await visit.picture('sign-in');
    // The browser reports that it was refused, as it should have been.
    await eventually(() => {
      const refused = visit.seen.complaints.findIndex((c) => c.includes('status of 401'));
      assert.deepEqual([refused, visit.seen.complaints.length], [0, 1]);
    });
    visit.seen.complaints.pop();
    const token = signed({ sub: '1', exp: Math.floor(Date.now() / 1000) + 600 });
    await dialog.getByLabel(/token/).fill(`Bearer ${token}`);
    await dialog.getByRole('button', { name: 'Sign in', exact: true }).click();
    await dialog.waitFor({ state: 'hidden' });
    assert.equal(await asked(), `Bearer ${token}`);
    await page.locator('#graphiql-session-tab-0').click();
    assert.equal(await asked(), `Bearer ${token}`);
    assert.doesNotMatch(await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }])), new RegExp(token));
    await open(/^Signed in/);
    await dialog.getByRole('button', { name: 'Sign out' }).click();
    await dialog.waitFor({ state: 'hidden' });
    assert.equal(await asked(), undefined);
    await page.locator('[id^="graphiql-session-tab-"]').last().click();
  },

  async 'somebody signs in by name and password, where there are accounts'(visit) {
    const { page } = visit;
    const asked = (query, variables) =>
      page.evaluate(
        async (body) => {
          const headers = { 'content-type': 'application/json' };
          return (await fetch('graphql', { method: 'POST', headers, body })).json();
        },
        JSON.stringify({ query, variables }),
      );
    if ((await asked('{ __type(name: "SignUp") { name } }')).data.__type === null) return;
    const username = `visitor-${visit.view.name}`;
    const input = { username, name: 'A visitor', email: `${username}@example.org`, password: 'correct horse' };
    const made = await asked('mutation($input: SignUp!) { signUp(input: $input) { viewer { username } } }', { input });
    assert.ok(made.data || made.errors[0].extensions.code === 'CONFLICT', JSON.stringify(made));
    const dialog = page.getByRole('dialog', { name: 'Who asks' });
    await page.getByRole('button', { name: /^Sign in, for all tabs/ }).click();
    await dialog.getByLabel('Username').fill(username);
    await dialog.getByLabel('Password').fill('wrong horse');
    await dialog.getByRole('button', { name: 'Sign in', exact: true }).click();
    await dialog.getByRole('alert').waitFor();
    await visit.picture('sign-in-by-name');
    await dialog.getByLabel('Password').fill(input.password);
    await dialog.getByRole('button', { name: 'Sign in', exact: true }).click();
    await dialog.waitFor({ state: 'hidden' });
    await visit.write('.graphiql-query-editor', '{ viewer { username email } }');
    const answer = await visit.run();
    assert.deepEqual(answer.data, { viewer: { username, email: input.email } });
    await page.getByRole('button', { name: `Signed in as ${username}` }).click();
    await dialog.getByRole('button', { name: 'Sign out' }).click();
    await dialog.waitFor({ state: 'hidden' });
    assert.deepEqual((await visit.run()).data, { viewer: null });
  },

  async 'a query is put in order, and found again in the history'(visit) {
    await visit.write('.graphiql-query-editor', `query Untidy{${rootField(visit.start.examples[0].query)}{id}} # why`);
    await visit.page.getByRole('button', { name: /Prettify/ }).click();
    await visit.page.waitForFunction(() => document.querySelectorAll('.graphiql-query-editor .view-line').length > 3);
    await eventually(async () => assert.match(await visit.text('.graphiql-query-editor'), /^query Untidy \{[^]*# why/));
    // It is called in the history as GraphiQL knows it by, a moment after the last key.
    await visit.page.waitForFunction(() => /operationName\W+Untidy/.test(JSON.stringify({ ...localStorage })));
    await visit.run();
    await visit.page.getByRole('button', { name: 'Show History' }).click();
    await visit.page.locator('.graphiql-history').getByText('Untidy').first().waitFor();
    await visit.picture('history');
    await visit.page.getByRole('button', { name: 'Hide History' }).click();
  },

  async 'a link opens its query, and is made of one'(visit) {
    const root = rootField(visit.start.examples[0].query);
    const query = `query Linked($limit: Int) {\n  ${root}(limit: $limit) {\n    id\n  }\n}`;
    const link = `/#${new URLSearchParams({ query, variables: '{"limit": 3}' })}`;
    await visit.page.goto('about:blank');
    await visit.open(link);
    await eventually(async () => assert.equal((await visit.text('.graphiql-query-editor')).trim(), query));
    const answer = await visit.run();
    assert.ok(answer.data[root].length <= 3);
    await visit.page.getByRole('button', { name: /Copy a link/ }).click();
    await visit.copies((copied) => {
      const linked = new URLSearchParams(new URL(copied).hash.slice(1));
      assert.equal(linked.get('query').trim(), query);
      assert.equal(JSON.parse(linked.get('variables')).limit, 3);
    });
    await visit.isWithinItsWidth();
    await visit.picture('linked');
  },
};

/** Holds the panel of costs against what the answer says that it cost. */
function tellsWhatRan(panel, answer) {
  const { bound, statements } = answer.extensions.backref;
  const sum = (of) => statements.reduce((all, s) => all + of(s), 0);
  const [ran, boundStatements, rows, boundRows, ms] = numbers(panel.summary);
  assert.deepEqual(
    [ran, boundStatements, rows, boundRows],
    [statements.length, bound.statements, sum((s) => s.rows), bound.rows],
  );
  assert.equal(ms, Number(sum((s) => s.ms).toFixed(2)));
  for (const { path, keys, rows: count, ms: took } of statements) {
    const line = panel.lines.find((l) => l.path === path);
    assert.ok(line, `${path} is in the panel`);
    assert.equal(numbers(line.rows)[0], count, path);
    assert.equal(Number(line.ms), Number(took.toFixed(2)), path);
    assert.equal(line.keys === '' ? 0 : numbers(line.keys)[0], keys, path);
  }
  assert.equal(panel.lines.filter((l) => l.rows.match(/\d/) && l.ms !== '').length, statements.length);
}

/** A token that the server believes. */
function signed(claims) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

/** The first root field of a document. */
function rootField(query) {
  return /\{\s*(\w+)/.exec(query.replaceAll(/#.*/g, ''))[1];
}

function numbers(text) {
  return [...text.matchAll(/\d[\d,.]*\d|\d/g)].map(([n]) => Number(n.replaceAll(',', '')));
}

let failures = 0;
for (const view of VIEWS) {
  await withBrowser(view, async (context) => {
    const seen = await watch(context, origin);
    const page = context.pages()[0] ?? (await context.newPage());
    page.setDefaultTimeout(PATIENCE);
    const visit = new Visit(context, page, view, seen);
    let passed = 0;
    for (const [name, step] of Object.entries(STEPS)) {
      try {
        await step(visit);
        passed += 1;
      } catch (error) {
        failures += 1;
        console.error(`${view.name}: ${name}: ${error.stack ?? error}`);
        await visit.picture('failed').catch(() => {});
      }
    }
    for (const url of seen.foreign) console.error(`${view.name}: a request to ${url}`);
    for (const complaint of seen.complaints) console.error(`${view.name}: ${complaint}`);
    failures += seen.foreign.length + seen.complaints.length;
    const { paint, ready, kib } = visit.figures ?? {};
    console.log(
      `${view.name}: ${passed} of ${Object.keys(STEPS).length} steps, ${seen.foreign.length} foreign requests, ` +
        `${seen.complaints.length} complaints; first paint ${paint} ms, ready ${ready} ms, ${kib} KiB`,
    );
  });
}
process.exit(failures === 0 ? 0 : 1);
