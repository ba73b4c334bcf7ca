/**
 * Writes dist/bundle: dek.cjs, the command line in one file, with oclif and @noble/ciphers, as it is read and compiled
 * in a third of the time that the single modules take; a command's own modules run when it is asked for, and
 * bin/bundle.cjs loads it. Beside it what answers on the agent's socket and what speaks gRPC, a package a file, so that
 * no command reads it in vain. LICENSES.txt holds the terms of all that is in them.
 */
import {writeFile} from 'node:fs/promises';
import {fileURLToPath} from 'node:url';
import {type BuildOptions, build, type Metafile, type Plugin} from 'esbuild';
import {licencesOf} from './licences.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** Used by the agent's server alone, which is loaded when the agent is up; and by whoever speaks with etcd. */
const PACKAGES = {fastify: 'fastify', 'prom-client': 'prom-client', '@grpc/grpc-js': 'grpc'} as const;

const common = {
  absWorkingDir: root,
  outdir: 'dist/bundle',
  outExtension: {'.js': '.cjs'},
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'cjs',
  minifyWhitespace: true, // each start reads all of it, and its checksum
  metafile: true,
  logLevel: 'warning',
} satisfies BuildOptions;

/** A package of its own file is that file. */
const fromTheirFiles: Plugin = {
  name: 'from-their-files',
  setup({onResolve}) {
    const filter = new RegExp(`^(${Object.keys(PACKAGES).join('|')})$`);
    onResolve({filter}, ({path}) => ({path: `./${PACKAGES[path as keyof typeof PACKAGES]}.cjs`, external: true}));
  },
};

const packages = await build({
  ...common,
  entryPoints: Object.entries(PACKAGES).map(([name, out]) => ({in: name, out})),
  // Read by what nobody calls: gRPC's own statistics and load reports.
  external: ['@grpc/proto-loader'],
});
const {metafile} = await build({
  ...common,
  entryPoints: [{in: 'src/main.ts', out: 'dek'}],
  // import() of a package or of Node becomes require(): a Script has no loader of modules.
  supported: {'dynamic-import': false},
  // For DEK_DEBUG=1, which prints where in src/ an error was made (src/cli/stack.ts).
  sourcemap: true,
  sourcesContent: false,
  external: ['koffi', 'typescript'], // native; and what oclif would read a tsconfig.json with
  plugins: [fromTheirFiles],
  banner: {js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;"},
  define: {'import.meta.url': 'importMetaUrl'},
});
// Which module imports which: test/commands/modules.test.ts reads it.
await writeFile(`${root}dist/bundle/dek.meta.json`, JSON.stringify(metafile.inputs));
const files = [...filesIn(packages.metafile), ...filesIn(metafile)];
await writeFile(`${root}dist/bundle/LICENSES.txt`, await licencesOf(root, files));

/** The files of which something is in what was written. */
function filesIn({outputs}: Metafile): string[] {
  const pieces = Object.values(outputs).flatMap(({inputs}) => Object.entries(inputs));
  return pieces.filter(([, {bytesInOutput}]) => bytesInOutput > 0).map(([file]) => file);
}
