/** What an agent and a fleet tell Prometheus, as Prometheus itself reads it: promtool(1). */
import {spawnSync} from 'node:child_process';
import {expect} from 'chai';
import {fleetMetrics} from '../../src/cli/output/fleet-metrics.js';
import {servedMetrics} from '../support/agent/served-metrics.js';
import {fleetStatus, hostStatus} from '../support/fleet/host-status.js';
import {skipWithout} from '../support/skip.js';

describe('promtool check metrics', () => {
  before(function () {
    skipWithout('promtool', this);
  });

  const complaintsOf = (input: string): string => {
    const {status, stdout, stderr} = spawnSync('promtool', ['check', 'metrics'], {input, encoding: 'utf8'});
    return `${status} ${stdout}${stderr}`;
  };

  it('finds nothing in those of an agent', async () => {
    expect(complaintsOf(await servedMetrics())).to.equal('0 ');
  });

  it('finds nothing in those of a fleet, whatever somebody calls a host', async () => {
    const hosts = [hostStatus('node-1'), hostStatus('node-2', {held: null, why: 'it is down'}), hostStatus('a"}\n\\')];
    expect(complaintsOf(await fleetMetrics(fleetStatus(hosts)))).to.equal('0 ');
  });

  it('would find what is no metric', () => {
    expect(complaintsOf('dek_fleet_hosts{state="well} 1\n')).to.match(/^1 /);
  });
});
