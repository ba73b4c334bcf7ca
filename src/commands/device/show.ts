import * as Args from '@oclif/core/args';
import {DekCommand} from '../../cli/base.js';
import {screen} from '../../cli/output/screen.js';
import {factLines} from '../../cli/output/table.js';
import {openDevice} from '../../nics.js';
import {type Caps, type Device, type DeviceInfo, type LoginApiName, libraryVersion} from '../../rdma/index.js';

interface Shown extends DeviceInfo {
  caps: Caps;
  loginApi: LoginApiName;
  /** The release of rdma-core whose libmlx5 is loaded, or null. */
  rdmaCore: string | null;
  /** Whether DEKs can be created now (in wrapped import mode after a login). */
  ready: boolean;
  /** What to do so that it is, or null. */
  next: string | null;
  /** Why data of this host could not be read elsewhere, or null. */
  warning: string | null;
}

export default class DeviceShow extends DekCommand {
  static override summary = 'show the crypto capabilities of a NIC';
  static override description =
    'Shows how the NIC takes DEKs (its import mode), whether the crypto officer has made it operational, how ' +
    'many DEKs it holds, whether its self-tests passed, and what to do if it is not ready.';
  static override examples = ['dek device show', 'dek device show 0000:17:00.0 --json'];
  static override args = {
    device: Args.string({
      description: 'mlx5_0, a PCI address or a node GUID (default: the only NIC)',
      ignoreStdin: true,
    }),
  };

  async run(): Promise<Shown> {
    const {args} = await this.parse(DeviceShow);
    using device = await openDevice(args.device);
    const shown = describe(device);
    for (const line of render(shown)) this.log(line);
    return shown;
  }
}

function describe(device: Device): Shown {
  const {info, caps, loginApi} = device;
  const next = nextStep(caps);
  const release = device.releaseWithOldTweak();
  const warning = release === null ? null : oldTweak(release);
  return {...info, caps, loginApi, rdmaCore: libraryVersion() ?? null, ready: next === null, next, warning};
}

function oldTweak(release: string): string {
  return (
    `libmlx5 of rdma-core ${release} gives this NIC the tweak in the other byte order: no host with rdma-core 44 or ` +
    'later can read what is encrypted here; update rdma-core before data is written'
  );
}

function nextStep({importMode, operational, failedSelftests}: Caps): string | null {
  if (failedSelftests !== 0) return 'do not use the crypto of this NIC; report the self-test code to NVIDIA support';
  switch (importMode) {
    case 'none':
      return 'use a NIC with an AES-XTS engine, or enable crypto in its firmware';
    case 'unknown':
      return 'check that the NIC is a crypto-enabled model, and update its firmware and rdma-core';
    case 'plaintext':
      return null;
    case 'wrapped':
      return operational
        ? null
        : 'the crypto officer has to load a first import KEK and credential into each port and function: ' +
            'dek officer operational';
  }
}

const IMPORT_MODES = {
  wrapped: 'wrapped: the NIC takes DEKs wrapped by an import KEK, under a crypto login',
  plaintext: 'plaintext: the NIC takes DEKs in the clear, without a login',
  none: 'none: the NIC has no AES-XTS engine',
  unknown: 'unknown: the library could not read it',
} as const;

const ENGINES = {
  AES_XTS: 'AES-XTS',
  AES_XTS_SINGLE_BLOCK: 'AES-XTS single-block',
  AES_XTS_MULTI_BLOCK: 'AES-XTS multi-block',
} as const;

const LOGIN_APIS = {
  object: 'login object (mlx5dv_crypto_login_create)',
  session: 'login session (mlx5dv_crypto_login)',
} as const;

function render(shown: Shown): string[] {
  const {caps} = shown;
  const facts: [string, string][] = [
    ['device', shown.name],
    ['model', shown.model ?? 'not known to dek'],
    ['firmware', shown.firmware ?? 'unknown'],
    ['PCI address', shown.pciAddress ?? 'none of its own'],
    ['node GUID', shown.nodeGuid],
    ['import mode', IMPORT_MODES[caps.importMode]],
  ];
  if (caps.importMode === 'wrapped') facts.push(['state', state(caps)]);
  facts.push(
    ['DEKs', caps.maxDeks === 0 ? 'unknown' : `at most ${caps.maxDeks}, of all processes together`],
    ['engines', caps.engines.map((engine) => ENGINES[engine]).join(', ') || 'none'],
    ['self-tests', selftests(caps)],
    ['login API', LOGIN_APIS[shown.loginApi]],
    ['rdma-core', shown.rdmaCore ?? 'unknown'],
  );
  return [
    ...factLines(facts, screen()),
    ...(shown.next === null ? [] : ['', `not ready: ${shown.next}`]),
    ...(shown.warning === null ? [] : ['', `warning: ${shown.warning}`]),
  ];
}

function state({operational, goingToCommissioning}: Caps): string {
  const now = operational ? 'operational: the NIC takes logins' : 'commissioning: the NIC takes no logins yet';
  return goingToCommissioning ? `${now}; goes to commissioning at its next reset` : now;
}

function selftests({failedSelftests, importMode}: Caps): string {
  if (failedSelftests !== 0) return `FAILED, code 0x${failedSelftests.toString(16).padStart(4, '0')}`;
  return importMode === 'unknown' ? 'unknown' : 'passed';
}
