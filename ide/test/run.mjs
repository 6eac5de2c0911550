// What somebody does with the page, in a real browser: `node ide/test/run.mjs http://127.0.0.1:8000`, where Backref
// serves a graph with content. With `--screenshots FOLDER` pictures of it are written.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { watch, withBrowser } from './browser.mjs';

const [origin] = process.argv.slice(2).filter((a) => a.startsWith('http'));
const at = process.argv.indexOf('--screenshots');
const pictures = at < 0 ? null : process.argv[at + 1];
if (pictures) mkdirSync(pictures, { recursive: true });
if (!origin) throw new Error('say where Backref listens: node ide/test/run.mjs http://127.0.0.1:8000');

const VIEWS = [
  { name: 'desktop-dark', width: 1280, height: 800, scheme: 'dark' },
  { name: 'desktop-light', width: 1280, height: 800, scheme: 'light' },
  { name: 'narrow-dark', width: 400, height: 800, scheme: 'dark' },
  { name: 'narrow-light', width: 400, height: 800, scheme: 'light' },
];

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

  /** Replaces what stands in an editor, as typing does, but for what is completed while one types. */
  async write(within, text) {
    await this.page.locator(`${within} .monaco-editor`).first().click({ position: { x: 80, y: 10 } });
    await this.page.keyboard.press('Control+A');
    await this.page.keyboard.press('Delete');
    await this.page.keyboard.insertText(text);
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

  async picture(name) {
    if (pictures) await this.page.screenshot({ path: join(pictures, `${this.view.name}-${name}.png`) });
  }
}

const STEPS = {
  async 'the page is up'(visit) {
    await visit.open();
    assert.match(await visit.page.title(), /Backref/);
    const { paint, bytes } = await visit.page.evaluate(() => ({
      paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime,
      bytes: performance.getEntries().reduce((sum, e) => sum + (e.transferSize ?? 0), 0),
    }));
    assert.ok(bytes < 2 << 20, `${bytes} bytes on the wire`);
    visit.figures = { paint: Math.round(paint), kib: Math.round(bytes / 1024) };
    const dark = await visit.page.evaluate(() => {
      const [r, g, b] = getComputedStyle(document.querySelector('.graphiql-container')).backgroundColor.match(/\d+/g);
      return Number(r) + Number(g) + Number(b) < 384;
    });
    assert.equal(dark, visit.view.scheme === 'dark');
    assert.equal(await visit.page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false, 'nothing stands out');
    await visit.picture('first');
  },
};

let failures = 0;
for (const view of VIEWS) {
  await withBrowser(view, async (context) => {
    const seen = await watch(context, origin);
    const page = context.pages()[0] ?? (await context.newPage());
    page.setDefaultTimeout(15_000);
    const visit = new Visit(context, page, view, seen);
    let passed = 0;
    for (const [name, step] of Object.entries(STEPS)) {
      try {
        await step(visit);
        passed += 1;
      } catch (error) {
        failures += 1;
        console.error(`${view.name}: ${name}: ${error.stack ?? error}`);
        await visit.picture('failed');
      }
    }
    for (const url of seen.foreign) console.error(`${view.name}: a request to ${url}`);
    for (const complaint of seen.complaints) console.error(`${view.name}: ${complaint}`);
    failures += seen.foreign.length + seen.complaints.length;
    const { paint, kib } = visit.figures ?? {};
    console.log(
      `${view.name}: ${passed} of ${Object.keys(STEPS).length} steps, ${seen.foreign.length} foreign requests, ` +
        `${seen.complaints.length} complaints; first paint ${paint} ms, ${kib} KiB`,
    );
  });
}
process.exit(failures === 0 ? 0 : 1);
