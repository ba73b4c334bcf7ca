/**
 * The whole play of blockstore, by both roads: 256 MiB, and meanwhile 20 agent kills, 5 rotations of the import KEK and
 * 3 DEKs in ERROR:
 *
 *     npm run test:blockstore [-- SECONDS]
 *
 * Exits with 1 when a block is wrong, an I/O was not recovered, or anything is left on the NIC.
 */
import {play} from './play.js';

const seconds = Number(process.argv[2] ?? 60);
let isRight = true;
for (const road of ['lend', 'attach'] as const) {
  const {report, status, compared, differing, before, after, log} = await play({
    road,
    seconds,
    blocks: 65536,
    kills: 20,
    rotations: 5,
    errors: 3,
    say: (text) => console.error(`${road}: ${text}`),
  });
  const isEqual = JSON.stringify(before) === JSON.stringify(after);
  const isRoadRight = status === 0 && differing === 0 && compared === report['written'] && isEqual;
  console.log(`${road}: ${JSON.stringify(report)}`);
  console.log(`${road}: ${compared} blocks compared with OpenSSL, ${differing} differ`);
  console.log(`${road}: NIC before ${JSON.stringify(before)}`);
  console.log(`${road}: NIC after  ${JSON.stringify(after)}`);
  if (!isRoadRight) console.log(`${road}: NOT RIGHT, exit status ${status}\n${log}`);
  isRight &&= isRoadRight;
}
process.exitCode = isRight ? 0 : 1;
