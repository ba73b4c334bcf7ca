#!/usr/bin/env node
// Starts the command line. The commands stand in src/commands, one file each.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`error: dek needs Node.js 20.19 or later, this is ${process.versions.node}`);
  process.exit(1);
}
const {start} = await import('../dist/src/cli/start.js');
await start(import.meta.url);
