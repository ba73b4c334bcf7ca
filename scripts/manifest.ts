/** Writes oclif.manifest.json, so that the command line starts without loading every command to learn its flags. */
import {writeFile} from 'node:fs/promises';
import {fileURLToPath} from 'node:url';
import {Plugin} from '@oclif/core';
import {jsonFlag} from '../src/cli/base.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const plugin = new Plugin({root, type: 'core', ignoreManifest: true, errorOnManifestCreate: true});
await plugin.load();
// Of --json oclif has a text of its own.
for (const {flags} of Object.values(plugin.manifest.commands)) {
  if (flags['json']) flags['json'].description = jsonFlag.json.description!;
}
await writeFile(`${root}oclif.manifest.json`, `${JSON.stringify(plugin.manifest, null, 2)}\n`);
