import * as Flags from '@oclif/core/flags';
import {DekCommand} from '../cli/base.js';
import {explainFlag} from '../cli/flags/agent-options.js';
import {socketFlag} from '../cli/flags/flags.js';
import {describeReport} from '../cli/output/describe-report.js';
import {screen} from '../cli/output/screen.js';
import {KEK_FORMS} from '../custody/sources/table.js';
import {probeOf} from '../doctor/checks/nic/probe.js';
import {examine, type Report} from '../doctor/examine.js';
import {Scene} from '../doctor/scene.js';
import {CHECKS} from '../doctor/table.js';
import {protectSecrets} from '../memory/protect.js';
import {explainRefusals} from '../rdma/index.js';

export default class Doctor extends DekCommand {
  static override summary = 'find out what keeps DEKs from being made';
  static override description =
    'Looks, in this order, at the libraries, the RDMA devices and their nodes, the kernel, the firmware, crypto ' +
    'and room of each NIC, its port and loopback, locked memory, the agent and its socket, the signers that it ' +
    'trusts, its manifest, its rollback index, the fleet that it follows, and its systemd unit with drop-ins. What ' +
    'the agent was started with is read from its process or, where none runs, from the unit. What is to be fixed ' +
    'comes first, with the fix; the first is the one to begin with. It changes nothing. With --probe, it also logs ' +
    'in to each NIC and creates, proves and destroys the first DEK of a manifest. Exits with 0 if nothing is to be ' +
    'fixed, and with 7 if something is.';
  static override examples = [
    'dek doctor',
    'dek doctor --device mlx5_0 --probe /etc/dek/manifest',
    'dek doctor --manifest fleet.manifest --kek file:kek.bin --json',
  ];
  static override flags = {
    device: Flags.string({
      helpValue: 'NAME',
      description: 'look at this NIC alone: mlx5_0, a PCI address or a node GUID (default: all)',
    }),
    manifest: Flags.string({
      helpValue: 'MANIFEST',
      description: "manifest to look at, a file or a fleet, etcd://... (default: the agent's)",
    }),
    'allowed-signers': Flags.string({
      helpValue: 'FILE',
      description: 'who may sign the manifest: a file in the form that ssh-keygen(1) describes under ALLOWED SIGNERS',
    }),
    kek: Flags.string({helpValue: 'SOURCE', description: `import KEK, to see whether it can be read: ${KEK_FORMS}`}),
    probe: Flags.string({
      helpValue: 'FILE',
      description: 'log in to each NIC, and create, prove and destroy the first DEK of this manifest',
    }),
    explain: explainFlag,
    socket: socketFlag,
  };

  async run(): Promise<Report> {
    const {flags} = await this.parse(Doctor);
    const {device, socket, manifest = flags.probe, kek} = flags;
    protectSecrets();
    explainRefusals(flags.explain);
    const scene = new Scene({device, socket, manifest, kek, allowedSigners: flags['allowed-signers']});
    try {
      const checks = flags.probe === undefined ? CHECKS : [...CHECKS, probeOf(flags.probe)];
      const report = await examine(checks, scene);
      if (!this.jsonEnabled()) for (const line of describeReport(report, screen())) console.log(line);
      if (!report.ok) process.exitCode = 7;
      return report;
    } finally {
      await scene.close();
    }
  }
}
