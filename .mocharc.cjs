// What mocha runs: all tests, or the files that were named. Left to itself it would add those to `spec`.

const named = process.argv.slice(2).filter((word) => /^[^-].*\.[jt]s$/.test(word));
const source = named.find((word) => word.endsWith('.ts'));
if (source) {
  console.error(`error: tests run as they were built: dist/${source.replace(/^\.\//, '').replace(/ts$/, 'js')}`);
  process.exit(2);
}

module.exports = {
  ...(named.length > 0 ? {} : {spec: ['dist/test/**/*.test.js']}),
  timeout: 20_000,
  forbidOnly: true,
  forbidPending: false,
};
