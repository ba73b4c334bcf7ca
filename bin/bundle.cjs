// The bundle of src/main.ts (scripts/bundle.ts), and V8's compile cache of it (bin/compile-cache.cjs): compiling took
// most of a command's start. A cache that another V8 made is refused by V8, and the bundle compiled as ever. A damaged
// one would be believed, and end the process: hence the checksum.
const {readFileSync, renameSync, writeFileSync} = require('node:fs');
const {createRequire} = require('node:module');
const {join} = require('node:path');
const {Script} = require('node:vm');
const zlib = require('node:zlib');

const BUNDLE = join(__dirname, '../dist/bundle/dek.cjs');
/** The CRC-32 of the bundle and the cache after it, big-endian, then the cache. */
const CACHE = `${BUNDLE}.cache`;
const CHECKSUM_BYTES = 4;

/** Runs the bundle. `main` is that of src/main.ts. A cache holds the path, which is another where it is installed. */
function load(path = BUNDLE) {
  const code = readFileSync(BUNDLE);
  // latin1: the bundle has only ASCII, which takes one byte a character then.
  const source = `(function (module, require, __filename) {${code.latin1Slice()}\n})`;
  const script = new Script(source, {filename: path, cachedData: readCache(code)});
  const module = {};
  script.runInThisContext()(module, createRequire(BUNDLE), BUNDLE);
  return {main: module.exports.main, script};
}

function readCache(code) {
  let file;
  try {
    file = readFileSync(CACHE);
  } catch {
    return undefined;
  }
  const data = file.subarray(CHECKSUM_BYTES);
  return file.length > CHECKSUM_BYTES && file.readUInt32BE(0) === checksum(code, data) ? data : undefined;
}

/** Keeps what V8 has compiled of `script` until now for the next time. */
function saveCache(script) {
  const data = script.createCachedData();
  const sum = Buffer.alloc(CHECKSUM_BYTES);
  sum.writeUInt32BE(checksum(readFileSync(BUNDLE), data));
  writeFileSync(`${CACHE}.new`, Buffer.concat([sum, data]));
  renameSync(`${CACHE}.new`, CACHE);
}

function checksum(code, data) {
  return zlib.crc32?.(data, zlib.crc32(code)); // Node 22.0 and 22.1 have none
}

module.exports = {load, saveCache};
