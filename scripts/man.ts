/**
 * Writes man/dek-COMMAND.1 for every command from oclif.manifest.json, so that help and man page say the same, and
 * virtual-connectx/man/vcx.1. The pages are committed; a test compares them with what this makes. Written by hand:
 * dek-agent.8, dek-manifest.5, and dek.1 but for its list of sources.
 */
import {readFileSync, writeFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import {manualPages} from './committed.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const manifest = JSON.parse(readFileSync(`${root}oclif.manifest.json`, 'utf8'));
const dek = readFileSync(`${root}man/dek.1`, 'utf8');
for (const [path, text] of manualPages(manifest, dek)) writeFileSync(`${root}${path}`, text);
