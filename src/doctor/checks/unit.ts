/** The systemd unit of the agent with its drop-ins: what it says against what it would need. */
import {type Check, type Finding, found, well} from '../check.js';
import type {Scene} from '../scene.js';

const UNIT = 'dek-agent.service';
/**
 * systemd.unit(5): a file, the unit or a drop-in, of the first stands for those of its name in the later ones, of which
 * the last two are mostly one folder.
 */
const FOLDERS = ['/etc/systemd/system', '/run/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system'];

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
    const path = FOLDERS.map((folder) => `${folder}/${UNIT}`).find((file) => scene.text(file) !== undefined);
    if (path === undefined) return [];
    const dropIns = dropInsOf(scene);
    const settings = parse([path, ...dropIns].map((file) => scene.text(file) ?? '').join('\n'));
    return [verdictOn(scene, settings, [path, ...dropIns].join(', '))];
  },
};

/** Their paths, by name from all folders together, which is the order in which systemd reads them. */
function dropInsOf(scene: Scene): string[] {
  const paths = new Map<string, string>();
  for (const folder of FOLDERS.map((path) => `${path}/${UNIT}.d`)) {
    for (const name of scene.names(folder)) {
      if (name.endsWith('.conf') && !paths.has(name)) paths.set(name, `${folder}/${name}`);
    }
  }
  return [...paths.keys()].sort().map((name) => paths.get(name)!);
}

/** `Key=Value` lines by key, in order; an empty value takes those before it away, as systemd has it for lists. */
function parse(text: string): ReadonlyMap<string, readonly string[]> {
  const settings = new Map<string, string[]>();
  for (const line of text.replaceAll('\\\n', ' ').split('\n')) {
    const [, key, value] = /^([A-Za-z]+)=(.*)$/.exec(line.trim()) ?? [];
    if (key === undefined) continue;
    if (value === '') settings.delete(key);
    else settings.set(key, [...(settings.get(key) ?? []), value!.trim()]);
  }
  return settings;
}

const MEGA = 2 ** 20;

function verdictOn(scene: Scene, settings: ReadonlyMap<string, readonly string[]>, seen: string): Finding {
  const all = (key: string): string => (settings.get(key) ?? []).join(' ');
  const environment = all('Environment');
  const whole = `${all('ExecStart')} ${environment}`;
  if (all('DevicePolicy').includes('closed') && !/char-infiniband_verbs|infiniband\//.test(all('DeviceAllow'))) {
    return found('unit-no-nic', seen);
  }
  if (whole.includes('afalg:') && !all('RestrictAddressFamilies').includes('AF_ALG')) return found('unit-afalg', seen);
  if (whole.includes('keyring:') && !all('KeyringMode').includes('shared') && !settings.has('ExecStartPre')) {
    return found('unit-keyring', seen);
  }
  const limit = bytesOf(settings.get('LimitMEMLOCK')?.at(-1));
  if (/--prove/.test(whole) && limit !== undefined && limit < MEGA) return found('unit-memlock', seen);
  const manifest = [...environment.matchAll(/DEK_MANIFEST=([^\s"]+)/g)].at(-1)?.[1];
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
