/**
 * Writes contrib/completion/ and virtual-connectx/completion/ from oclif.manifest.json. The scripts are committed; a
 * test compares them with what this makes.
 */
import {readFileSync, writeFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import {completions} from './committed.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const manifest = JSON.parse(readFileSync(`${root}oclif.manifest.json`, 'utf8'));
for (const [path, text] of completions(manifest)) writeFileSync(`${root}${path}`, text);
