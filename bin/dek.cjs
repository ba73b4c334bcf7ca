#!/usr/bin/env node
process.on('SIGUSR1', () => {}); // else Node opens its inspector, for any user of the machine; see src/cli/doors.ts

// Starts the command line: the version and help at once, commands from the bundle.
require('./start.cjs').start({
  program: 'dek',
  node: [20, 19],
  commands: () => require('./bundle.cjs').load(),
  wide: ['agent', 'run'],
});
