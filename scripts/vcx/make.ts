/**
 * Makes the package virtual-connectx in dist/virtual-connectx, from what dek has: the bundle of src/vcx.ts, the shim's
 * source, help, the manual page and completion. Koffi is beside it only when it is packed (scripts/package/make).
 */
import {cpSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {dirname} from 'node:path';
import {fileURLToPath} from 'node:url';
import {build, type Plugin} from 'esbuild';
import {helpFiles} from '../help-text.js';
import {licencesOf} from '../licences.js';
import {spoken, vcxCommands} from './commands.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const place = `${root}dist/virtual-connectx/`;

/** What the package takes as it is: from where, to where. */
const FILES: Readonly<Record<string, string>> = {
  'virtual-connectx/package.json': 'package.json',
  'virtual-connectx/vcx.cjs': 'bin/vcx.cjs',
  'virtual-connectx/man': 'man',
  'virtual-connectx/completion': 'completion',
  'bin/start.cjs': 'bin/start.cjs',
  'src/virtual/shim': 'src/virtual/shim',
  'docs/vcx.md': 'README.md',
  'docs/virtual-connectx.md': 'virtual-connectx.md',
  LICENSE: 'LICENSE',
};

const inItsWords: Plugin = {
  name: 'in-its-words',
  setup({onLoad}) {
    onLoad({filter: /\/src\/.*\.ts$/}, ({path}) => ({contents: spoken(readFileSync(path, 'utf8')), loader: 'ts'}));
  },
};

for (const [from, to] of Object.entries(FILES)) cpSync(`${root}${from}`, `${place}${to}`, {recursive: true});
const {metafile} = await build({
  absWorkingDir: root,
  entryPoints: [{in: 'src/vcx.ts', out: 'vcx'}],
  outdir: `${place}dist/bundle`,
  outExtension: {'.js': '.cjs'},
  bundle: true,
  platform: 'node',
  target: 'node18.19', // that of Debian 12
  format: 'cjs',
  minifyWhitespace: true,
  supported: {'dynamic-import': false},
  metafile: true,
  logLevel: 'warning',
  external: ['koffi', 'typescript'], // as in scripts/bundle.ts
  plugins: [inItsWords],
  banner: {js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;"},
  define: {'import.meta.url': 'importMetaUrl'},
});
write('dist/bundle/LICENSES.txt', await licencesOf(root, Object.keys(metafile.inputs)));
const {description} = readJson(`${place}package.json`) as {description: string};
const commands = vcxCommands(readJson(`${root}oclif.manifest.json`) as Parameters<typeof vcxCommands>[0]);
for (const [file, text] of helpFiles(commands, {description, oclif: {bin: 'vcx'}})) write(`dist/${file}`, text);

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}

function write(path: string, text: string): void {
  mkdirSync(dirname(`${place}${path}`), {recursive: true});
  writeFileSync(`${place}${path}`, text);
}
