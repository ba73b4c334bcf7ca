/**
 * Writes dist/bundle/dek.cjs: the command line in one file, with oclif and @noble/ciphers, as it is read and compiled in a third of
 * the time that the single modules take. A command's own modules run when it is asked for. bin/bundle.cjs loads it.
 */
import {writeFile} from 'node:fs/promises';
import {fileURLToPath} from 'node:url';
import {build} from 'esbuild';

const root = fileURLToPath(new URL('../../', import.meta.url));
const {metafile} = await build({
  absWorkingDir: root,
  entryPoints: ['src/main.ts'],
  outfile: 'dist/bundle/dek.cjs',
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'cjs',
  // import() of a package or of Node becomes require(): a Script has no loader of modules.
  supported: {'dynamic-import': false},
  // For DEK_DEBUG=1, which prints where in src/ an error was made (src/cli/stack.ts).
  sourcemap: true,
  sourcesContent: false,
  // Native, or used by the agent's server alone, which is loaded when it is up.
  external: ['koffi', 'fastify', 'prom-client'],
  banner: {js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;"},
  define: {'import.meta.url': 'importMetaUrl'},
  metafile: true,
  logLevel: 'warning',
});
// Which module imports which: test/commands/modules.test.ts reads it.
await writeFile(`${root}dist/bundle/dek.meta.json`, JSON.stringify(metafile.inputs));
