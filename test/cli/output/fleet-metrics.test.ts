import {expect} from 'chai';
import {fleetMetrics} from '../../../src/cli/output/fleet-metrics.js';
import {fleetStatus, hostStatus} from '../../support/fleet/host-status.js';

describe('metrics of a fleet', () => {
  it('have a sample for each host of which the value is known', async () => {
    const text = await fleetMetrics(
      fleetStatus([hostStatus('node-1'), hostStatus('node-2', {held: null, why: 'down'})]),
    );
    expect(text.match(/^dek_fleet_(?:generation_held|host_well|hosts\{state="well").*$/gm)).to.deep.equal([
      'dek_fleet_hosts{state="well"} 1',
      'dek_fleet_host_well{host="node-1"} 1',
      'dek_fleet_host_well{host="node-2"} 0',
      'dek_fleet_generation_held{host="node-1"} 7',
    ]);
  });

  it('have no line of their own for what somebody has put into the store as the name of a host', async () => {
    const text = await fleetMetrics(fleetStatus([hostStatus('x"} 1\ndek_fleet_hosts{state="well\\')]));
    expect(text.match(/^dek_fleet_host_well.*$/gm)).to.deep.equal([
      String.raw`dek_fleet_host_well{host="x\"} 1\ndek_fleet_hosts{state=\"well\\"} 1`,
    ]);
  });
});
