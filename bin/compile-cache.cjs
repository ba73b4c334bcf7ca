process.on('SIGUSR1', () => {}); // as in bin/dek.cjs: an installation may run as root

// Writes V8's compile cache of the bundle for this Node: after the build, and after the installation of the package,
// since another Node may run there. It holds what the commands below compile, and the path of the bundle, which the
// argument names if it is built for another place. Without it dek starts slower and is otherwise the same, so nothing
// that goes wrong here ends an installation.
const {load, saveCache} = require('./bundle.cjs');

// They need no key, no NIC and no agent; most come to an error soon, and what they have compiled by then is what
// counts.
const COMMANDS = [
  ['selftest'],
  ['list', '--socket', '/nonexistent'],
  ['wrap', 'file:/nonexistent', '--kek', 'file:/nonexistent'],
  ['run', '--', 'true'],
];

async function makeCache() {
  const {main, script} = load(process.argv[2]);
  process.stdout.write = () => true;
  process.stderr.write = () => true;
  for (const argv of COMMANDS) await main(argv);
  saveCache(script);
}

makeCache()
  .catch(() => {}) // not built yet, or not ours to write
  .finally(() => process.exit(0));
