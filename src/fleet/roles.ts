/**
 * Users and roles of etcd for a fleet, as commands of etcdctl: what each may do is here alone. A user is the common
 * name of a certificate, and has no password.
 */
import type {FleetKeys} from './layout/keys.js';

/** A role: what it may read, write, or both; `prefix` ends in a slash, and stands for all below it. */
interface Grant {
  readonly may: 'read' | 'write' | 'readwrite';
  readonly key: string;
}

export interface FleetUsers {
  readonly keys: FleetKeys;
  /** Who publishes and rolls out. */
  readonly publishers: readonly string[];
  /** Who reads all and writes nothing. */
  readonly auditors: readonly string[];
  readonly hosts: readonly string[];
  /** Not for a fleet that is there already: root, the roles that all share, and the switch that turns all of it on. */
  readonly isNew: boolean;
}

/** The commands, in the order in which they are to be run. */
export function roleCommands({keys, publishers, auditors, hosts, isNew}: FleetUsers): string[] {
  const fleet = keys.all.slice(1, -1);
  const publisher = `${fleet}-publisher`;
  const auditor = `${fleet}-auditor`;
  const commands: string[] = [];
  const role = (name: string, grants: readonly Grant[]): void => {
    commands.push(`etcdctl role add ${name}`);
    for (const {may, key} of grants) {
      commands.push(`etcdctl role grant-permission ${name} ${may} ${key}${key.endsWith('/') ? ' --prefix' : ''}`);
    }
  };
  const user = (name: string, of: string): void => {
    commands.push(`etcdctl user add ${name} --no-password`, `etcdctl user grant-role ${name} ${of}`);
  };
  if (isNew) {
    commands.push('etcdctl role add root');
    user('root', 'root');
    role(publisher, [
      ...[keys.blobs, keys.hosts, keys.kept, keys.namesPrefix, keys.rollout, keys.operator].map(
        (key): Grant => ({may: 'readwrite', key}),
      ),
      {may: 'read', key: keys.statuses},
    ]);
    role(auditor, [{may: 'read', key: keys.all}]);
  }
  for (const name of publishers) user(name, publisher);
  for (const name of auditors) user(name, auditor);
  for (const name of hosts) {
    const own = `${fleet}-host-${name}`;
    role(own, [
      {may: 'read', key: keys.blobs},
      {may: 'read', key: keys.wanted(name)},
      {may: 'readwrite', key: keys.status(name)},
    ]);
    user(name, own);
  }
  if (isNew) commands.push('etcdctl auth enable');
  return commands;
}
