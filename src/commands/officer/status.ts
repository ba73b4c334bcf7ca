import * as Args from '@oclif/core/args';
import {DekCommand} from '../../cli/base.js';
import {describeKeys, officerLogin, optionalOfficerFlags} from '../../cli/officer.js';
import {screen} from '../../cli/output/screen.js';
import {factLines} from '../../cli/output/table.js';
import {functionNamed, mlx5Devices} from '../../officer/card.js';
import {type FunctionReport, reportFunction} from '../../officer/report.js';

export default class OfficerStatus extends DekCommand {
  static override summary = 'show the state of NICs as a crypto officer sees them';
  static override description =
    'Shows, for each port and function, whether it is in commissioning or operational, what it takes wrapped, how ' +
    'many import KEKs and credentials it has room for, and by which way an officer reaches its registers: fwctl ' +
    '(Linux 6.15, root), or DEVX where the firmware lets it. With the login of an officer, it also lists the KEKs ' +
    'and credentials that are there, of which a NIC tells nobody else.';
  static override usage = [
    '[DEVICE] [--json]',
    '[DEVICE] --credential FILE --credential-id ID --import-kek-id ID [--json]',
  ];
  static override examples = [
    'dek officer status',
    'dek officer status mlx5_0 --credential officer.wrapped --credential-id 0 --import-kek-id 0',
  ];
  static override args = {
    device: Args.string({
      description: 'the NIC: mlx5_0, a PCI address or a node GUID (default: all mlx5 NICs)',
      ignoreStdin: true,
    }),
  };
  static override flags = optionalOfficerFlags;

  async run(): Promise<FunctionReport[]> {
    const {args, flags} = await this.parse(OfficerStatus);
    const {credential, 'credential-id': credentialId, 'import-kek-id': importKekId} = flags;
    const devices = mlx5Devices();
    const functions = args.device === undefined && devices.length > 0 ? devices : [functionNamed(args.device)];
    const login =
      credential === undefined
        ? undefined
        : await officerLogin({credential, 'credential-id': credentialId!, 'import-kek-id': importKekId!});
    const reports: FunctionReport[] = [];
    for (const info of functions) reports.push(await reportFunction(info, login));
    for (const [i, report] of reports.entries()) {
      for (const line of [...(i === 0 ? [] : ['']), ...render(report)]) this.log(line);
    }
    return reports;
  }
}

const STATES = {
  commissioning: 'commissioning: next, dek officer operational',
  operational: 'operational',
} as const;

function render(report: FunctionReport): string[] {
  const {device, pciAddress, importMode, state, caps, way, closedWays, keks, credentials} = report;
  const facts: [string, string][] = [
    ['device', pciAddress === null ? device : `${device}, ${pciAddress}`],
    ['import mode', importMode],
  ];
  if (state) {
    const goes = report.goingToCommissioning ? '; goes to commissioning at its next reset' : '';
    facts.push(['state', `${STATES[state]}${goes}`]);
  }
  if (caps) {
    facts.push(
      ['takes wrapped', caps.wrappedImport.join(', ') || 'nothing'],
      ['room', `${caps.room.kek} import KEKs, ${caps.room.credential} credentials, with those that are there`],
    );
  }
  facts.push(['way', way ?? 'none: --plan of the other commands tells what to write by other means']);
  for (const {name, reason, hint} of closedWays) facts.push([`no ${name}`, hint ? `${reason}: ${hint}` : reason]);
  return [
    ...factLines(facts, screen()),
    ...(keks && caps ? describeKeys('kek', '', caps.room.kek, keks) : []),
    ...(credentials && caps ? describeKeys('credential', '', caps.room.credential, credentials) : []),
  ];
}
