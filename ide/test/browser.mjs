// A browser that can reach nothing but the server at hand, and notes whatever goes wrong in it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Runs `work` with a fresh browser that has a profile of its own. */
export async function withBrowser({ width, height, scheme }, work) {
  const profile = mkdtempSync(join(tmpdir(), 'backref-browser-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    timeout: 120_000,
    args: FLAGS,
    viewport: { width, height },
    colorScheme: scheme,
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  try {
    return await work(context);
  } finally {
    await context.close();
    // What is left of the browser's processes may write there a little longer.
    rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 });
  }
}

/** Notes the requests that would leave the origin (and stops them), and what the page complains of. */
export async function watch(context, origin) {
  const seen = { foreign: [], complaints: [] };
  await context.route('**/*', (route) => {
    const url = route.request().url();
    if (url.startsWith(`${origin}/`) || url.startsWith('data:') || url.startsWith('blob:')) return route.continue();
    seen.foreign.push(url);
    return route.abort();
  });
  // Before any script of the page: a violation of its policy is an event, whatever the console makes of it.
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(`policy: ${event.effectiveDirective} forbids ${event.blockedURI} in ${event.sourceFile}`);
    });
  });
  const listen = (page) => {
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) seen.complaints.push(`${message.type()}: ${message.text()}`);
    });
    page.on('pageerror', (error) => seen.complaints.push(`uncaught: ${error.stack ?? error}`));
    page.on('requestfailed', (request) => {
      // What nobody waits for any more is taken back: the plan of a text that has changed, the files of a page that is left.
      const reason = request.failure()?.errorText;
      if (reason !== 'net::ERR_ABORTED') seen.complaints.push(`failed: ${request.url()} ${reason}`);
    });
    page.on('crash', () => seen.complaints.push('the page crashed'));
  };
  context.pages().forEach(listen);
  context.on('page', listen);
  return seen;
}
