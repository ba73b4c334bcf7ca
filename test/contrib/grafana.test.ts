/** contrib/grafana/dek.json asks for what the agent serves, and for all of it. */
import fs from 'node:fs';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {Events} from '../../src/agent/events.js';
import type {AgentStatus} from '../../src/agent/protocol.js';
import {Metrics} from '../../src/agent/server/metrics.js';

interface Dashboard {
  panels: {title: string; targets: {expr: string}[]}[];
  templating: {list: {query: string | {query: string}}[]};
}

const DASHBOARD = fileURLToPath(new URL('../../../contrib/grafana/dek.json', import.meta.url));
const {panels, templating}: Dashboard = JSON.parse(fs.readFileSync(DASHBOARD, 'utf8'));
const queries = [
  ...panels.flatMap(({targets}) => targets.map(({expr}) => expr)),
  ...templating.list.map(({query}) => (typeof query === 'string' ? query : query.query)),
];
const MANIFEST: AgentStatus['manifest'] = {
  path: '',
  digest: '',
  id: '',
  generation: 1,
  notAfter: '2030-01-01T00:00:00Z',
  signers: [],
  appliedAt: '2029-01-01T00:00:00Z',
  failed: 0,
};
const STATUS: AgentStatus = {
  version: '',
  pid: 1,
  starting: false,
  signedOnly: false,
  lends: false,
  contexts: [
    {
      device: 'mlx5_0',
      kind: 'lent',
      pid: 1,
      uid: 0,
      gone: false,
      login: null,
      deks: {total: 0, ready: 0, error: 0, unknown: 0, proven: 0, wrong: 0},
      old: 0,
    },
  ],
  devices: [{name: 'mlx5_0', importMode: 'wrapped', gone: false, login: null, maxDeks: 0}],
  deks: {total: 0, ready: 0, error: 0, unknown: 0, proven: 0, wrong: 0},
  proveShare: null,
  manifest: MANIFEST,
  heals: 0,
};

describe('Grafana dashboard', () => {
  let served: string;
  /** Every name that a sample has, and every label of it, as `name{label`. */
  let names: Set<string>;

  before(async () => {
    const events = new Events();
    const metrics = new Metrics(events, [], () => STATUS);
    events.emit('debug', 'made', {device: 'mlx5_0', deks: 1, refused: ['EINVAL'], seconds: 1});
    const proofs = {deks: 1, ok: 1, recorded: 0, wrong: 0, notProvable: 0, verdicts: {ok: 1}};
    events.emit('info', 'prove', {device: 'mlx5_0', ...proofs});
    served = await metrics.text();
    names = new Set(served.match(/^dek_\w+/gm));
  });

  for (const query of queries.filter((text) => text.includes('dek_'))) {
    it(`asks for what is served: ${query}`, () => {
      expect([...names]).to.include.members(query.match(/\bdek_\w+/g)!);
    });
  }

  it('selects and groups by labels that are served', () => {
    const added = ['instance']; // by Prometheus
    const labels = new Set([...added, ...[...served.matchAll(/[{,](\w+)="/g)].map(([, label]) => label!)]);
    const used = queries.flatMap((query) => [
      ...[...query.matchAll(/[{,](\w+)!?=~?"/g)].map(([, label]) => label!),
      ...[...query.matchAll(/by \(([^)]+)\)/g)].flatMap(([, list]) => list!.split(', ')),
    ]);
    expect([...labels]).to.include.members(used);
  });

  it('shows every metric that is served', () => {
    const all = [...served.matchAll(/^# TYPE (dek_\w+)/gm)].map(([, name]) => name!);
    for (const name of all) expect(queries.join(' ')).to.include(name);
  });
});
