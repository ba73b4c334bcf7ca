// Starts a command line. The version and help are answered here, in the time that Node takes to start; the commands
// (src/commands) are in the bundle. CommonJS, because Node reads the size of its thread pool once, before the first
// line of an ES module runs.
const {access, existsSync, readFileSync} = require('node:fs');
const {join} = require('node:path');

const HELP = join(__dirname, '../dist/help'); // made by scripts/help.ts
const argv = process.argv.slice(2);

/**
 * `program`: its name. `node`: the oldest release that it runs on. `commands`: loads them. `wide`: those of which many
 * firmware commands run at once.
 */
function start({program, node: [oldest, least], commands, wide}) {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < oldest || (major === oldest && minor < least)) {
    console.error(`error: ${program} needs Node.js ${oldest}.${least} or later, this is ${process.versions.node}`);
    process.exit(1);
  }
  const text = argv.length === 1 && ['--version', '-v'].includes(argv[0]) ? versionText() : helpText();
  if (text !== undefined) print(text);
  else {
    if (wide.includes(argv[0])) widenThreadPool();
    commands().main(argv);
  }
}

function versionText() {
  const {name, version} = require('../package.json');
  return `${name}/${version} ${process.platform}-${process.arch} node-${process.version}\n`;
}

/**
 * The help that was asked for: `dek`, `dek help device`, `dek device`, `dek device show --help`. There may be none of
 * that name.
 */
function helpText() {
  const dashes = argv.indexOf('--'); // what follows is of another program
  const own = dashes < 0 ? argv : argv.slice(0, dashes);
  const words = own.filter((word) => !word.startsWith('-'));
  if (words[0] === 'help') return helpOf(words.slice(1));
  if (own.includes('--help') || own.includes('-h')) return helpOf(words);
  if (argv.length === 0 || isTopic(argv)) return helpOf(argv);
}

function helpOf(words) {
  let count = 1;
  while (count <= words.length && isTopic(words.slice(0, count))) count++;
  const name = words.slice(0, count);
  const file = `${join(HELP, ...name)}.txt`;
  return name.every(isName) && existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

function isTopic(words) {
  return words.length > 0 && words.every(isName) && existsSync(join(HELP, ...words));
}

function isName(word) {
  return /^[a-z]+(-[a-z]+)*$/.test(word);
}

function print(text) {
  process.stdout.on('error', ({code}) => {
    if (code === 'EPIPE') process.exit(); // as in src/main.ts
    process.stderr.write(`error: cannot write to standard output: ${code}\n`);
    process.exit(1);
  });
  const isBold = process.stdout.isTTY && !process.env.NO_COLOR;
  process.stdout.write(isBold ? text.replace(/^[A-Z][A-Z ]+$/gm, '\x1b[1m$&\x1b[0m') : text);
}

/** Firmware commands run on libuv's thread pool: 16 at once, instead of 4. */
function widenThreadPool() {
  if (process.env.UV_THREADPOOL_SIZE !== undefined) return;
  process.env.UV_THREADPOOL_SIZE = '16';
  access('/', () => {}); // starts the pool, which reads it now
  delete process.env.UV_THREADPOOL_SIZE; // CMD of `dek run` is not to inherit it
}

module.exports = {start};
