import * as Flags from '@oclif/core/flags';
import {DekCommand} from '../cli/base.js';
import {KEK_USAGE, kekFlags, withKekIfGiven} from '../cli/flags/kek.js';
import {deliverStream, fileFlags} from '../cli/output/output.js';
import type {Material} from '../doctor/hardware/bench.js';
import {asMarkdown, hardwareReport, type HardwareReport as Report} from '../doctor/hardware/report.js';
import {assertRegularFile} from '../files/small-file.js';
import {type ManifestEntry, openManifest} from '../manifest/index.js';
import {protectSecrets} from '../memory/protect.js';
import {openDevice} from '../nics.js';

/** DEKs of the manifest that experiments may choose from. */
const MOST_CHOICE = 64;

export default class HardwareReport extends DekCommand {
  static override summary = 'ask a NIC for each assumption that dek makes of firmware';
  static override description =
    'Confirms, refutes or leaves open each assumption of docs/virtual-connectx.md, by number, and writes one ' +
    'Markdown file that can be pasted into an issue: no key, no serial number, no GUID, no name of the machine. ' +
    'Without a manifest it asks only what needs no login. With one, it logs in, and creates, queries, proves and ' +
    'destroys DEKs in contexts of its own: those of all four layouts, if it has the KEK to wrap keys that it makes ' +
    'up, else those of the manifest. It makes many DEKs at a time, times each command, and has a service in C, ' +
    'which it compiles, move data by lend and by attach. It changes nothing that stays: what it makes is gone when ' +
    'it ends, killed or not. Take a manifest whose keys encrypt nothing.';
  static override usage = [
    '[--device NAME] [--manifest FILE] [--deks N] [--no-service] [--output FILE [--force]] [--json]',
    `[--device NAME] --manifest FILE ${KEK_USAGE} [--deks N] [--no-service] [--output FILE [--force]] [--json]`,
  ];
  static override examples = [
    'dek hardware-report --output report.md',
    'dek hardware-report --device mlx5_0 --manifest trial.manifest --kek file:kek.bin --output report.md',
    {
      description: 'Up to the limit of a NIC that nobody else uses',
      command: 'dek hardware-report --manifest trial.manifest --deks 1048576 --output report.md',
    },
  ];
  static override flags = {
    device: Flags.string({
      helpValue: 'NAME',
      description: 'the NIC to ask: mlx5_0, a PCI address or a node GUID (default: the only NIC)',
    }),
    manifest: Flags.string({helpValue: 'FILE', description: 'manifest with a login and DEKs for this NIC'}),
    ...kekFlags,
    deks: Flags.integer({
      helpValue: 'N',
      min: 1,
      max: 2 ** 20,
      default: 256,
      description: 'make at most so many DEKs at a time: while the NIC is full nobody else can make one',
    }),
    'no-service': Flags.boolean({
      description: 'do not compile a service in C that moves data by lend and by attach',
    }),
    ...fileFlags('write to this new file instead of stdout'),
  };

  async run(): Promise<Report> {
    const {flags} = await this.parse(HardwareReport);
    const {device, manifest, deks: mostDeks, output, force} = flags;
    protectSecrets();
    const material = manifest === undefined ? null : await readMaterial(manifest);
    using nic = await openDevice(device);
    const report = await withKekIfGiven(flags, (kek) =>
      hardwareReport({nic, material, kek: kek ?? null, mostDeks, runsService: !flags['no-service']}, (title) =>
        this.note(`asking: ${title}`),
      ),
    );
    if (output !== undefined || !this.jsonEnabled()) {
      const bytes = new TextEncoder().encode(asMarkdown(report));
      await deliverStream([bytes], {output, force}, {what: 'a report', json: false, isRaw: false});
    }
    return report;
  }
}

async function readMaterial(path: string): Promise<Material> {
  await assertRegularFile(path);
  const {header, entries} = await openManifest(path);
  const deks: ManifestEntry[] = [];
  for await (const entry of entries) {
    if (deks.length === MOST_CHOICE) break;
    deks.push(entry);
  }
  return {header, deks};
}
