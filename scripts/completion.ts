/**
 * Writes contrib/completion/ and virtual-connectx/completion/ from oclif.manifest.json. The scripts are committed; a
 * test compares them with what this makes.
 */
import {readFileSync, writeFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import {completionScripts} from './completion-scripts.js';
import {vcxCommands} from './vcx/commands.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const manifest = JSON.parse(readFileSync(`${root}oclif.manifest.json`, 'utf8'));
const all = {
  'contrib/completion': completionScripts(manifest),
  'virtual-connectx/completion': completionScripts(vcxCommands(manifest), 'vcx'),
};
for (const [folder, scripts] of Object.entries(all)) {
  for (const [file, text] of scripts) writeFileSync(`${root}${folder}/${file}`, text);
}
