/** A fleet in Prometheus' text format, for a file that node_exporter reads. */
import type {FleetStatus, HostStatus} from '../../fleet/status/status.js';

export async function fleetMetrics({hosts, summary}: FleetStatus): Promise<string> {
  const {Gauge, Registry} = await import('prom-client');
  const registry = new Registry();
  const gauge = <L extends string>(name: string, help: string, label: L) =>
    new Gauge({name, help, labelNames: [label], registers: [registry]});
  const all = gauge('dek_fleet_hosts', 'Hosts of the fleet, by how they are', 'state');
  for (const [state, count] of Object.entries(summary)) all.set({state}, count);
  const each = (name: string, help: string, of: (host: HostStatus) => number | null): void => {
    const one = gauge(name, help, 'host');
    for (const status of hosts) {
      const value = of(status);
      if (value !== null) one.set({host: status.host}, value);
    }
  };
  each('dek_fleet_host_well', '1 when the host holds what it should and is READY', ({why}) => Number(why === null));
  each('dek_fleet_generation_wanted', 'The generation that the host is to hold', ({wanted}) => wanted);
  each('dek_fleet_generation_held', 'The generation that the host holds', ({held}) => held);
  each('dek_fleet_deks_ready', 'DEKs of the host that are READY', ({ready}) => ready);
  each('dek_fleet_deks_proven', 'DEKs of the host that are PROVEN', ({proven}) => proven);
  return registry.metrics();
}
