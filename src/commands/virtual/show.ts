import * as Args from '@oclif/core/args';
import {DekCommand} from '../../cli/base.js';
import {describeId} from '../../cli/output/describe.js';
import {formatOpaque} from '../../cli/output/opaque.js';
import {screen} from '../../cli/output/screen.js';
import {factLines} from '../../cli/output/table.js';
import {openVirtual, type VirtualReport} from '../../virtual/index.js';

export default class VirtualShow extends DekCommand {
  static override summary = 'show the state of a virtual ConnectX';
  static override description =
    'Shows, for each device, its mode, limits and faults, the ids of its KEKs (with their key check values) and ' +
    'credentials, and the live contexts, PDs, logins, DEKs, queues and memory keys. A context lives as long as any ' +
    'process has a copy of its descriptor. With --json, each context is listed with its objects and its processes.';
  static override examples = [
    'dek virtual show nic',
    {
      description: 'Count the DEKs on it',
      command: "dek virtual show nic --json | jq '.[0].live.deks'",
    },
  ];
  static override args = {
    dir: Args.string({required: true, ignoreStdin: true, description: 'directory of the virtual ConnectX'}),
  };

  async run(): Promise<VirtualReport[]> {
    const {args} = await this.parse(VirtualShow);
    const nic = openVirtual(args.dir);
    const reports = nic.devices.map((name) => nic.show(name));
    for (const [i, report] of reports.entries()) {
      for (const line of [...(i === 0 ? [] : ['']), ...factLines(facts(report), screen())]) this.log(line);
    }
    return reports;
  }
}

function facts(report: VirtualReport): [string, string][] {
  const {live, total} = report;
  const facts: [string, string][] = [
    ['device', report.name],
    ['node GUID', report.nodeGuid],
    ['import mode', report.importMode],
    ['state', report.gone ? `${report.state}, gone from the bus` : report.state],
    ['engines', report.engines.join(', ') || 'none'],
    ['room for DEKs', `2^${report.logMaxDeks} = ${2 ** report.logMaxDeks}`],
    ['latency', `${report.latencyUs} us a firmware command, ${report.parallel} at once`],
    [
      'import KEKs',
      report.importKeks.map(({id, bytes, kcv}) => `id ${describeId(id)} (${bytes * 8} bits, KCV ${kcv})`).join(', ') ||
        'none',
    ],
    ['credentials', report.credentials.map(({id, role}) => `id ${describeId(id)} (${role})`).join(', ') || 'none'],
    ['firmware', `${describeService(report)}, policy ${report.policy}`],
    ['live', `${live.contexts} contexts, ${live.pds} PDs, ${live.logins} logins, ${live.deks} DEKs`],
    ['data path', `${live.cqs} CQs, ${live.qps} QPs, ${live.mrs} MRs, ${live.mkeys} MKeys`],
    ['processes', live.processes.join(', ') || 'none'],
    ['ever made', `${total.contexts} contexts, ${total.pds} PDs, ${total.logins} logins, ${total.deks} DEKs`],
    ['commands', `${total.commands}, of which ${total.refused} refused`],
    [
      'work requests',
      `${total.workRequests}, ${total.bytesEncrypted} bytes encrypted, ${total.bytesDecrypted} decrypted`,
    ],
  ];
  if (report.contrary.length > 0) facts.push(['contrary', `to assumptions ${report.contrary.join(', ')}`]);
  if (report.tweak !== 'ieee-1619') facts.push(['tweak', report.tweak]);
  if (report.port !== 'active') facts.push(['port', report.port]);
  if (!report.gid) facts.push(['GID', 'none']);
  if (!report.loopback) facts.push(['force loopback', 'refused']);
  if (!report.fwctl) facts.push(['fwctl', 'none']);
  if (report.devxRegisters) facts.push(['registers', 'open to users of DEVX']);
  if (!report.cryptoObjects) facts.push(['crypto objects', 'none: no logins, no DEKs']);
  if (report.failedSelftests !== 0) facts.push(['failed self-tests', `0x${report.failedSelftests.toString(16)}`]);
  if (report.openError !== null) facts.push(['open fails with', report.openError]);
  for (const {command, object, status, syndrome, left, hits} of report.faults) {
    const times = left === 'always' ? 'always' : `${left} more`;
    facts.push([
      'fault',
      `${command} of ${object}: ${status}, syndrome 0x${syndrome.toString(16)}, ${times}, ${hits} so far`,
    ]);
  }
  for (const {which, future, hits} of report.dekErrors) {
    facts.push(['DEKs to ERROR', `${readable(which)}${future ? ', future ones too' : ''}, ${hits} so far`]);
  }
  return facts;
}

function describeService({serviceUs}: VirtualReport): string {
  const times = Object.entries(serviceUs).filter(([, us]) => us > 0);
  if (times.length === 0) return 'no time of its own';
  return `${times.map(([kind, us]) => `${kind} ${us} us`).join(', ')}, one after the other`;
}

function readable(which: string): string {
  return which.startsWith('opaque:hex:')
    ? `opaque ${formatOpaque(which.slice('opaque:hex:'.length))}`
    : which.replace(':', ' ');
}
