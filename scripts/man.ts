/**
 * Writes man/dek-COMMAND.1 for every command from oclif.manifest.json, so that help and man page say the same. The
 * pages are committed; a test compares them with what this makes. Written by hand: dek.1, dek-agent.8 and
 * dek-manifest.5.
 */
import {readFileSync, writeFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import {commandPages} from './man-page.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
for (const [file, text] of commandPages(JSON.parse(readFileSync(`${root}oclif.manifest.json`, 'utf8')))) {
  writeFileSync(`${root}man/${file}`, text);
}
