#!/usr/bin/env node
// Starts the command line. The commands stand in src/commands, one file each. CommonJS, because Node reads the size of
// its thread pool once, before the first line of an ES module runs.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`error: dek needs Node.js 20.19 or later, this is ${process.versions.node}`);
  process.exit(1);
}
if (['agent', 'run'].includes(process.argv[2]) && process.env.UV_THREADPOOL_SIZE === undefined) {
  process.env.UV_THREADPOOL_SIZE = '16'; // firmware commands at once
  require('node:fs').access('/', () => {}); // starts the pool, which reads it now
  delete process.env.UV_THREADPOOL_SIZE; // CMD of `dek run` is not to inherit it
}
if (process.argv.length === 3 && ['--version', '-v'].includes(process.argv[2])) {
  const {name, version} = require('../package.json'); // as oclif says it, without loading oclif
  process.stdout.on('error', ({code}) => {
    if (code === 'EPIPE') process.exit(); // as in start.ts
    process.stderr.write(`error: cannot write to standard output: ${code}\n`);
    process.exit(1);
  });
  process.stdout.write(`${name}/${version} ${process.platform}-${process.arch} node-${process.version}\n`);
} else {
  import('../dist/src/cli/start.js').then(({start}) => start(__filename));
}
