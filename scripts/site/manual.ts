/** Manual pages as HTML, by mandoc(1). */
import {spawnSync} from 'node:child_process';
import {unescaped} from '../draw/escape.js';
import type {Made} from './made.js';
import {scrolling} from './markdown.js';
import {ROOT} from './tree.js';

/** A manual page. Its links to others are as mandoc writes them: `dek-run.1.html`. */
export function manualPage(path: string): Made {
  const args = ['-T', 'html', '-O', 'fragment,man=%N.%S.html', path];
  const {status, stdout, stderr, error} = spawnSync('mandoc', args, {cwd: ROOT, encoding: 'utf8'});
  if (error || status === null || status > 2) throw new Error(`mandoc ${path}: ${error?.message ?? stderr}`);
  const [, name, section] = /([^/]+)\.(\d)$/.exec(path)!;
  const about = /<span class="Nd">([\s\S]*?)<\/span>/.exec(stdout)![1]!.replace(/\s+/g, ' ');
  return {title: `${name}(${section})`, about: unescaped(about), body: bodyOf(stdout)};
}

/** Without the head and the foot, which repeat the page's name; headings begin with h2, examples are code. */
function bodyOf(html: string): string {
  return html
    .replace(/<table class="(?:head|foot)">[\s\S]*?<\/table>/g, '')
    .replace(/<(\/?)h([12])/g, (_, end: string, level: string) => `<${end}h${Number(level) + 1}`)
    .replace(/<table class="tbl"[\s\S]*?<\/table>/g, scrolling)
    .replaceAll('<pre>', '<pre tabindex="0">')
    .replace(/(?:<div class="Bd Bd-indent"><code class="Li">[^<]*<\/code><\/div>\s*)+/g, (lines) => {
      const commands = [...lines.matchAll(/<code class="Li">([^<]*)/g)].map(([, line]) => line!.replace(/\s+/g, ' '));
      return `<pre tabindex="0"><code>${commands.join('\n')}</code></pre>\n`;
    })
    .trim();
}
