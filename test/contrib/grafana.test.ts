/** contrib/grafana/dek.json asks for what the agent serves, and for all of it. */
import fs from 'node:fs';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {servedMetrics} from '../support/agent/served-metrics.js';

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

describe('Grafana dashboard', () => {
  let served: string;
  /** Every name that a sample has, and every label of it, as `name{label`. */
  let names: Set<string>;

  before(async () => {
    served = await servedMetrics();
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
