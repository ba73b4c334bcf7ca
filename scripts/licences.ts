/** The terms of the packages whose files are in the bundle, which must go with their copies. */
import {readdir, readFile} from 'node:fs/promises';
import {join} from 'node:path';

const RULE = '-'.repeat(80);

/** One text: name, version, licence and its words for each package that `files`, paths from `root`, are of. */
export async function licencesOf(root: string, files: readonly string[]): Promise<string> {
  const folders = files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []);
  const texts = await Promise.all([...new Set(folders)].sort().map((folder) => licenceOf(join(root, folder))));
  return `The files beside this one contain the following packages.\n${texts.join('')}`;
}

async function licenceOf(folder: string): Promise<string> {
  const {name, version, license} = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
    name: string;
    version: string;
    license: string;
  };
  const files = (await readdir(folder)).filter((file) => /^(licen[cs]e|notice)\b/i.test(file)).sort();
  const words = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
  return `${RULE}\n${name} ${version} (${license})\n\n${words.map((text) => `${text.trim()}\n`).join('\n')}`;
}
