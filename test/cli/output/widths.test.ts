/** What a person sees at a glance, on terminals of three widths: test/cli/output/widths.txt, which UPDATE=1 writes. */
import fs from 'node:fs';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {describeDeks} from '../../../src/cli/output/describe.js';
import {describeAgent} from '../../../src/cli/output/describe-agent.js';
import {fleetLines} from '../../../src/cli/output/fleet-table.js';
import {ENDLESS, type Screen} from '../../../src/cli/output/screen.js';
import {agentStatus} from '../../support/agent/agent-status.js';
import {fleetStatus, hostStatus} from '../../support/fleet/host-status.js';

const SNAPSHOT = fileURLToPath(new URL('../../../../test/cli/output/widths.txt', import.meta.url));
const WIDTHS = [40, 80, 200];
const SOCKET = '/run/user/1000/storage/with/a/long/path/dek/agent.sock';

const WELL = agentStatus();
const UNWELL = agentStatus({
  deks: {total: 3, ready: 1, error: 1, unknown: 1, proven: 1, wrong: 1},
  devices: [{...WELL.devices[0]!, login: {...WELL.devices[0]!.login!, state: 'INVALID'}}],
});
const DEKS = ['vol-1', 'a-volume-of-a-customer-with-a-very-long-name-in-the-third-datacentre'].map((name) => ({
  ...{name, state: 'READY', keySize: 256, keytag: true, import: 'wrapped', opaque: '766f6c2d31000000'},
  proof: null,
})) as unknown as Parameters<typeof describeDeks>[0];
const FLEET = fleetStatus([
  hostStatus('node-1'),
  hostStatus('storage-0001.rack-17.third-datacentre.example.com'),
  hostStatus('node-3', {held: 6, heldDigest: 'ef'.repeat(32), why: 'it does not hold it yet'}),
  hostStatus('node-4', {
    isUp: false,
    held: null,
    heldDigest: null,
    deks: null,
    ready: null,
    proven: null,
    login: null,
    kcv: null,
    since: null,
    why: 'it is down, or was never up',
  }),
]);
const NOW = Date.parse('2026-11-30T13:00:00Z');

const VIEWS: readonly (readonly [string, (on: Screen) => string[]])[] = [
  ['dek status, READY', (on) => describeAgent(SOCKET, WELL, on)],
  ['dek status, not READY', (on) => describeAgent(SOCKET, UNWELL, on)],
  ['dek list', (on) => describeDeks(DEKS, on)],
  ['dek fleet status', (on) => fleetLines(FLEET, on, NOW)],
];

describe('text on a terminal', () => {
  it('is as it was reviewed, at each width', () => {
    const text = VIEWS.flatMap(([name, view]) =>
      WIDTHS.flatMap((width) => [`# ${name}, ${width} columns`, ...view({width, colour: false}), '']),
    ).join('\n');
    if (process.env['UPDATE']) fs.writeFileSync(SNAPSHOT, text);
    expect(text).to.equal(fs.readFileSync(SNAPSHOT, 'utf8'));
  });

  for (const [name, view] of VIEWS) {
    for (let width = 20; width <= 200; width += 9) {
      it(`fits ${width} columns: ${name}`, () => {
        expect(view({width, colour: false}).filter((line) => line.length > width)).to.deep.equal([]);
      });
    }

    it(`is whole on a pipe: ${name}`, () => {
      const text = view(ENDLESS).join('\n');
      expect(text).to.not.include('...');
      expect(text.split('\n')).to.have.length(view({width: 10_000, colour: false}).length);
    });
  }
});
