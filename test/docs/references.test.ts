/** The tables of docs/errors.md and docs/metrics.md: all that the programs have, and nothing else. */
import fs from 'node:fs';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {httpStatus} from '../../src/agent/protocol.js';
import {fleetMetrics} from '../../src/cli/output/fleet-metrics.js';
import {DEK_ERROR_CODES, DekError} from '../../src/errors.js';
import {servedMetrics} from '../support/agent/served-metrics.js';
import {fleetStatus, hostStatus} from '../support/fleet/host-status.js';

const page = (name: string): string =>
  fs.readFileSync(fileURLToPath(new URL(`../../../docs/${name}`, import.meta.url)), 'utf8');

/** The cells of the rows that begin with a name in backticks. */
function rowsOf(text: string): string[][] {
  return [...text.matchAll(/^\| `\w+` \|.*$/gm)].map(([row]) =>
    row
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
}

describe('docs/errors.md', () => {
  const rows = rowsOf(page('errors.md'));

  it('has every code once, with its exit status and its status of HTTP', () => {
    const asDocumented = rows.map(([code, exit, , , http]) => [code, exit, http]);
    const asIs = DEK_ERROR_CODES.map((code) => {
      const error = new DekError(code, '');
      return [code, `${error.exitStatus}`, `${httpStatus(error)}`];
    });
    expect(asDocumented).to.deep.equal(asIs);
  });

  it('says of each what it means and what to do', () => {
    for (const [code, , meaning, step] of rows) expect(`${meaning}|${step}`, code).to.match(/\w.*\|.*\w/);
  });
});

describe('docs/metrics.md', () => {
  const [ofAgent, ofFleet] = page('metrics.md').split('## Of a fleet').map(rowsOf);

  /** Names, types and labels of a text in Prometheus' format; a histogram's `le` is the format's own. */
  function metricsIn(text: string): string[][] {
    return [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name, type]) => {
      const samples = [...text.matchAll(new RegExp(`^${name}(?:_bucket)?\\{([^}]*)\\}`, 'gm'))];
      const labels = samples.flatMap(([, inner]) => [...inner!.matchAll(/(\w+)="/g)].map(([, label]) => label!));
      return [name!, type!, [...new Set(labels)].filter((label) => label !== 'le').join(', ')];
    });
  }

  it('has every metric of an agent, with its type and labels', async () => {
    expect(ofAgent!.map((cells) => cells.slice(0, 3))).to.deep.equal(metricsIn(await servedMetrics()));
  });

  it('has every metric of a fleet, with its type and labels', async () => {
    const text = await fleetMetrics(fleetStatus([hostStatus('node-1')]));
    expect(ofFleet!.map((cells) => cells.slice(0, 3))).to.deep.equal(metricsIn(text));
  });
});
