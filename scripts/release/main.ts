/**
 * Makes the commit that is checked out a release: looks whether the tree is ready, and tags it. Nothing leaves this
 * machine.
 *
 *     npm run release -- VERSION [--check]
 *
 * VERSION: `1.2.3` or `1.2.3-rc.1`. With --check it only looks. Exit status: 0 tagged, or ready; 1 not ready; 2 usage.
 */
import {faultsOf, git, tagOf} from './checks.js';

const words = process.argv.slice(2).filter((word) => word !== '--check');
const [version = ''] = words;
if (words.length !== 1 || !/^\d+\.\d+\.\d+(-(rc|beta|alpha)[.\d]*\d)?$/.test(version)) {
  console.error('usage: npm run release -- VERSION [--check], VERSION as 1.2.3 or 1.2.3-rc.1');
  process.exit(2);
}
const root = process.cwd();
const faults = faultsOf({root, version, today: new Date().toISOString().slice(0, 10)});
for (const fault of faults) console.error(`release: error: ${fault}`);
if (faults.length > 0) process.exit(1);
if (process.argv.includes('--check')) {
  console.log(`ready to be released as ${version}`);
} else {
  git(root, 'tag', '--annotate', '--message', `dek ${version}`, tagOf(version));
  console.log(`tagged ${git(root, 'rev-parse', '--short', 'HEAD').trim()} as ${tagOf(version)}, here and nowhere else`);
  console.log('next, as CONTRIBUTING.md says: npm run package, npm run test:package, the signature of SHA256SUMS');
  console.log(`when all is well: git push origin ${tagOf(version)}; else: git tag --delete ${tagOf(version)}`);
}
