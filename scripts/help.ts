/** Writes dist/help: the help of every command and topic as text, so that `dek --help` starts nothing. */
import {mkdir, readFile, writeFile} from 'node:fs/promises';
import {dirname} from 'node:path';
import {fileURLToPath} from 'node:url';
import type {Interfaces} from '@oclif/core';
import {helpFiles} from './help-text.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const readJson = async (name: string): Promise<unknown> => JSON.parse(await readFile(`${root}${name}`, 'utf8'));
const manifest = (await readJson('oclif.manifest.json')) as Interfaces.Manifest;
const package_ = (await readJson('package.json')) as Interfaces.PJSON;
for (const [name, text] of helpFiles(manifest, package_)) {
  const file = `${root}dist/${name}`;
  await mkdir(dirname(file), {recursive: true});
  await writeFile(file, text);
}
