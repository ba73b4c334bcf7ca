/**
 * `npm run test:docs`: the site in a real Chromium, on a phone and a desktop, with and without scripts, light and dark.
 * With SCREENSHOTS=FOLDER pictures of some pages are left there, to be looked at.
 */
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {type Browser, type BrowserContextOptions, chromium, type Page} from 'playwright-core';
import {siteFiles} from '../../../scripts/site/build.js';
import {temporaryDirectory} from '../../support/temporary-directory.js';

const PHONE = {width: 360, height: 780} as const;
const DESKTOP = {width: 1280, height: 900} as const;
/** For what comes at once where nothing else runs. */
const PATIENCE_MS = 120_000;
/** Debian's; another one by CHROMIUM. */
const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

/** In the browser: pictures that are not there. */
const UNSEEN = '[...document.images].filter((image) => image.naturalWidth === 0).map((image) => image.src)';
/** And what lies behind the edge and can be brought into sight by nothing. */
const CUT_OFF = `[...document.querySelectorAll('main *')]
  .filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
  .filter((element) => !element.closest('pre, .scroll, .picture'))
  .map((element) => element.tagName + ' ' + element.textContent.slice(0, 40))`;

describe('the site in Chromium', () => {
  const folder = temporaryDirectory();
  const files = siteFiles();
  const names = [...files.keys()].filter((name) => name.endsWith('.html'));
  let browser: Browser;

  before(async () => {
    for (const [name, content] of files) fs.writeFileSync(join(folder, name), content);
    browser = await chromium.launch({executablePath: CHROMIUM});
  });
  after(async () => {
    await browser?.close();
    fs.rmSync(folder, {recursive: true});
  });

  /** Calls `use` with a tab; what it reports as an error fails the test. */
  async function withTab(options: BrowserContextOptions, use: (tab: Page) => Promise<void>): Promise<void> {
    const context = await browser.newContext({viewport: DESKTOP, ...options});
    context.setDefaultTimeout(PATIENCE_MS);
    const errors: string[] = [];
    try {
      const tab = await context.newPage();
      tab.on('pageerror', (error) => errors.push(error.message));
      tab.on('requestfailed', (request) => errors.push(`${request.url()} was not loaded`));
      await use(tab);
      expect(errors).to.deep.equal([]);
    } finally {
      await context.close();
    }
  }

  const open = (tab: Page, name: string) => tab.goto(`file://${join(folder, name)}`);

  for (const name of names) {
    it(`scrolls sideways on no phone, cuts nothing off there, and shows all pictures: ${name}`, async () => {
      await withTab({viewport: PHONE}, async (tab) => {
        await open(tab, name);
        expect(await tab.evaluate(UNSEEN)).to.deep.equal([]);
        for (const width of [PHONE.width, 320]) {
          await tab.setViewportSize({...PHONE, width});
          expect(await tab.evaluate(CUT_OFF), `at ${width} pixels`).to.deep.equal([]);
          expect(await tab.evaluate('document.documentElement.scrollWidth'), `at ${width} pixels`).to.equal(width);
        }
      });
    });
  }

  it('can be read without scripts, and its index stands in for the search', async () => {
    await withTab({javaScriptEnabled: false}, async (tab) => {
      await open(tab, 'officer.html');
      expect(await tab.locator('main h2').first().isVisible()).to.equal(true);
      expect(await tab.locator('input[type=search]').isVisible()).to.equal(false);
      expect(await tab.getByRole('link', {name: 'A fleet on etcd'}).first().isVisible()).to.equal(true);
      await tab.getByRole('link', {name: 'Index', exact: true}).click();
      await tab.getByRole('link', {name: 'dek-rewrap(1)'}).click();
      expect(await tab.locator('h1').textContent()).to.equal('dek-rewrap(1)');
    });
  });

  it('leads from the top to the list of pages on a phone', async () => {
    await withTab({viewport: PHONE, javaScriptEnabled: false}, async (tab) => {
      await open(tab, 'index.html');
      await tab.getByRole('link', {name: 'Pages', exact: true}).click();
      const link = tab.getByRole('navigation', {name: 'Pages'}).getByRole('link', {name: 'Metrics'});
      await link.click();
      expect(await tab.locator('h1').textContent()).to.equal('Metrics');
    });
  });

  for (const [words, page, text] of [
    ['dek prove', 'dek-prove.1.html', 'dek-prove(1)'],
    ['rollback index', 'dek-rollback-index-enroll.1.html', 'dek-rollback-index-enroll(1)'],
    ['eopnotsupp', 'explain.html#errnos-EOPNOTSUPP', 'EOPNOTSUPP'],
    ['mlx5dek_next_ev', 'mlx5dek_next_event.3.html', 'mlx5dek_next_event(3)'],
    ['openDevice', 'library.html#openDevice', 'openDevice'],
    ['dek_heals_total', 'metrics.html#of-an-agent', 'Of an agent'],
  ] as const) {
    it(`finds "${words}"`, async () => {
      await withTab({}, async (tab) => {
        await open(tab, 'index.html');
        await tab.getByRole('searchbox').fill(words);
        const link = tab.locator(`.found a[href="${page}"]`);
        await link.waitFor();
        expect(await link.textContent()).to.include(text);
        await link.click();
        await tab.waitForURL(`**/${page}`);
        const [, id] = page.split('#');
        if (id !== undefined) expect(await tab.locator(`[id="${id}"]`).isVisible()).to.equal(true);
      });
    });
  }

  it('goes to the first of what was found with Enter, and says when nothing was', async () => {
    await withTab({}, async (tab) => {
      await open(tab, 'index.html');
      await tab.keyboard.press('/');
      await tab.keyboard.type('nosuchword');
      await tab.getByText('Nothing has these words.').waitFor();
      await tab.getByRole('searchbox').fill('dek-fleet-rollout');
      await tab.locator('.found a').first().waitFor();
      await tab.keyboard.press('Enter');
      await tab.waitForURL('**/dek-fleet-rollout.1.html');
    });
  });

  it('follows the choice of light or dark', async () => {
    const backs: string[] = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      await withTab({colorScheme}, async (tab) => {
        await open(tab, 'index.html');
        backs.push(await tab.evaluate<string>('getComputedStyle(document.body).backgroundColor'));
      });
    }
    expect(backs).to.deep.equal(['rgb(255, 255, 255)', 'rgb(13, 17, 23)']);
  });

  it('has a first page and drawings that can be looked at, and leaves pictures where SCREENSHOTS says', async () => {
    const to = process.env['SCREENSHOTS'];
    const views = (['light', 'dark'] as const).flatMap((scheme) => [
      {scheme, device: 'phone', viewport: PHONE},
      {scheme, device: 'desktop', viewport: DESKTOP},
    ]);
    for (const {scheme, device, viewport} of views) {
      await withTab({viewport, colorScheme: scheme}, async (tab) => {
        for (const [name, page] of [
          ['first', 'index.html'],
          ['drawing', 'how-it-works.html#the-life-of-a-dek'],
        ] as const) {
          await open(tab, page);
          const picture = await tab.screenshot(
            to === undefined ? {} : {path: join(to, `${name}-${device}-${scheme}.png`)},
          );
          expect(picture.length, name).to.be.above(10_000);
        }
      });
    }
  });
});
