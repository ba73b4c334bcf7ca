/** `npm run docs [FOLDER]`: makes the site in this folder, by default site/. What was there before is deleted. */
import fs from 'node:fs';
import {join, resolve} from 'node:path';
import {siteFiles} from './build.js';
import {ROOT} from './tree.js';

const folder = resolve(process.argv[2] ?? join(ROOT, 'site'));
const files = siteFiles();
if (fs.existsSync(folder) && !fs.existsSync(join(folder, 'search-index.js')) && fs.readdirSync(folder).length > 0) {
  throw new Error(`${folder} holds something else than a site: name another folder`);
}
fs.rmSync(folder, {recursive: true, force: true});
fs.mkdirSync(folder, {recursive: true});
for (const [name, content] of files) fs.writeFileSync(join(folder, name), content);
console.log(`${files.size} files: open ${join(folder, 'index.html')}`);
