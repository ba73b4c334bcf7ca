/** The systemd unit of the agent with its drop-ins: what it says against what it would need. */
import {AgentWords} from '../../agent-words.js';
import {type Check, type Finding, found, well} from '../../check.js';
import type {Scene} from '../../scene.js';
import {commandOf, readUnit, type UnitFiles} from '../../unit-files.js';

export const unit: Check = {
  name: 'unit',
  verdicts: {
    'unit-no-nic': {
      level: 'fix',
      text: 'a drop-in takes the NIC away: DevicePolicy=closed without DeviceAllow=char-infiniband_verbs',
      fix: 'add DeviceAllow=char-infiniband_verbs rw',
    },
    'unit-memlock': {
      level: 'fix',
      text: 'the unit proves DEKs with too little locked memory',
      fix: 'set LimitMEMLOCK=8M or more',
    },
    'unit-afalg': {
      level: 'fix',
      text: 'the KEK is to come from the kernel (afalg:), and the unit forbids that socket',
      fix: 'add RestrictAddressFamilies=AF_ALG in a drop-in',
    },
    'unit-keyring': {
      level: 'fix',
      text: 'the KEK is to come from a keyring, and the unit has one of its own (KeyringMode=private)',
      fix: 'load the key by ExecStartPre= of the unit, or set KeyringMode=shared',
    },
    'unit-no-manifest': {
      level: 'fix',
      text: 'the manifest of the unit is not there',
      fix: 'put it where DEK_MANIFEST says, or set that in a drop-in: systemctl edit dek-agent',
    },
  },
  look(scene) {
    const files = readUnit(scene);
    return files === undefined ? [] : [verdictOn(scene, files)];
  },
};

const MEGA = 2 ** 20;

function verdictOn(scene: Scene, files: UnitFiles): Finding {
  const {paths, settings} = files;
  const seen = paths.join(', ');
  const all = (key: string): string => (settings.get(key) ?? []).join(' ');
  const command = commandOf(files);
  const whole = command.join(' ');
  if (all('DevicePolicy').includes('closed') && !/char-infiniband_verbs|infiniband\//.test(all('DeviceAllow'))) {
    return found('unit-no-nic', seen);
  }
  if (whole.includes('afalg:') && !all('RestrictAddressFamilies').includes('AF_ALG')) return found('unit-afalg', seen);
  if (whole.includes('keyring:') && !all('KeyringMode').includes('shared') && !settings.has('ExecStartPre')) {
    return found('unit-keyring', seen);
  }
  const limit = bytesOf(settings.get('LimitMEMLOCK')?.at(-1));
  if (/--prove/.test(whole) && limit !== undefined && limit < MEGA) return found('unit-memlock', seen);
  const manifest = new AgentWords(command, seen).value('--manifest');
  if (manifest?.startsWith('/') && !scene.isThere(manifest)) {
    return found('unit-no-manifest', `${seen}; ${manifest}`);
  }
  return well(seen);
}

/** `64K`, `8M`, `1G`, `infinity`, bytes; undefined: not set. */
function bytesOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, digits, unitName = ''] = /^(\d+)([KMG]?)/.exec(text) ?? [];
  if (digits === undefined) return Number.POSITIVE_INFINITY;
  return Number(digits) * ({'': 1, K: 1024, M: MEGA, G: 1024 * MEGA}[unitName] ?? 1);
}
