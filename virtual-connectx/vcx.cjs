#!/usr/bin/env node
process.on('SIGUSR1', () => {}); // else Node opens its inspector, for any user of the machine

// Starts the command line: the version and help at once, commands from the bundle.
require('./start.cjs').start({
  program: 'vcx',
  node: [18, 19],
  commands: () => require('../dist/bundle/vcx.cjs'),
  wide: [],
});
