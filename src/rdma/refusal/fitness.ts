/**
 * Whether a NIC takes a login, or a DEK as it comes, and why it does not. libmlx5 decides by what the NIC said when it
 * was opened; an error says what the NIC says when the error is made.
 */
import {DekError} from '../../errors.js';
import type {Caps} from '../caps/caps.js';
import type {HcaCaps} from '../caps/hca-caps.js';
import type {Steps} from '../steps.js';
import type {Meaning} from './errno-table.js';

/** What is asked of a NIC: a login, or to take a DEK that comes wrapped, or in plaintext. */
export type Need = 'login' | 'wrapped' | 'plaintext';

/** The part of a Context that is looked at. */
export interface Nic {
  readonly info: {readonly name: string};
  readonly caps: Caps;
  capsNow(): Steps<Caps>;
  hcaCaps(): Steps<HcaCaps>;
}

/** Whether libmlx5 would not send `need`, or send what the import mode does not allow. */
export function isMisfit({caps: {importMode}}: Nic, need: Need): boolean {
  return importMode === (need === 'plaintext' ? 'wrapped' : 'plaintext');
}

/** Throws UNSUPPORTED for a misfit. The NIC is asked only why. */
export function* assertFit(nic: Nic, need: Need): Steps<void> {
  if (!isMisfit(nic, need)) return;
  const [code, text, hint] = (yield* whyUnfit(nic, need)) ?? lackOf(nic.caps, need)!;
  throw new DekError(code, `${nic.info.name} ${text}`, {hint});
}

/**
 * Why a NIC does not do `need`, by what it says now; undefined when that is not the reason. The text goes on after the
 * NIC's name. A firmware command.
 */
export function* whyUnfit(nic: Nic, need: Need): Steps<Meaning | undefined> {
  let now: Caps;
  try {
    now = yield* nic.capsNow();
    // libmlx5 reads nothing at all then, and says nothing.
    if (now.importMode === 'unknown' && !(yield* nic.hcaCaps()).crypto) return ENGINE_OFF;
  } catch {
    return undefined; // asked only to explain another error: that one is the answer
  }
  if (now.importMode === 'unknown') return undefined;
  const lack = lackOf(now, need);
  return lack ?? (isFit(nic.caps, need) ? undefined : CHANGED);
}

const ENGINE_OFF: Meaning = [
  'UNSUPPORTED',
  'has no AES-XTS engine that is switched on',
  "look whether NVIDIA's mlxconfig has DATA_CRYPTO_ENGINE=DISABLED, and whether the model has crypto: dek doctor",
];

const CHANGED: Meaning = [
  'UNSUPPORTED',
  'has changed since it was opened',
  'open it again, without DEKs that are in use: libmlx5 goes by what the NIC said at the open',
];

function lackOf({importMode, operational}: Caps, need: Need): Meaning | undefined {
  if (importMode === 'none') return ['UNSUPPORTED', 'has no AES-XTS engine'];
  if (need === 'plaintext') {
    if (importMode === 'plaintext') return undefined;
    return [
      'UNSUPPORTED',
      'takes wrapped DEKs only (wrapped import mode)',
      'wrap the key with the import KEK first: dek wrap',
    ];
  }
  if (importMode === 'plaintext') {
    const login = need === 'login';
    return ['UNSUPPORTED', `takes plaintext DEKs ${login ? 'and no login' : 'only (plaintext import mode)'}`];
  }
  if (operational) return undefined;
  return [
    'UNSUPPORTED',
    'is not operational (commissioning): it takes no logins yet',
    'a crypto officer makes it operational: dek officer operational',
  ];
}

/** Whether libmlx5 sends it. */
function isFit({importMode, operational}: Caps, need: Need): boolean {
  if (need === 'plaintext') return importMode !== 'wrapped';
  return importMode === 'wrapped' && (need === 'wrapped' || operational);
}
