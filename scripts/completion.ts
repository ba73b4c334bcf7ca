/**
 * Writes contrib/completion/ from oclif.manifest.json. The scripts are committed; a test compares them with what this
 * makes.
 */
import {readFileSync, writeFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import {completionScripts} from './completion-scripts.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
for (const [file, text] of completionScripts(JSON.parse(readFileSync(`${root}oclif.manifest.json`, 'utf8')))) {
  writeFileSync(`${root}contrib/completion/${file}`, text);
}
