/** `dek explain`: finds what a word is, and all that dek knows of it. */
import {constants} from 'node:os';
import {DekError} from '../../errors.js';
import {errnoName} from '../../rdma/refusal/errno-name.js';
import {STATUSES, type StatusName, statusName} from '../../rdma/refusal/status.js';
import {explainErrno, knownErrnos} from './errnos.js';
import type {Explanation} from './explanation.js';
import {explainStatus, explainSyndrome, isKnownSyndrome} from './firmware.js';
import {explainVerdict, knownVerdicts} from './verdicts.js';

/** What is known of a word, and whether it is anything at all. */
export interface Explained {
  readonly explanations: readonly Explanation[];
  readonly isKnown: boolean;
}

/** A status has a byte, a syndrome more. */
const MAX_STATUS = 0xff;

/** Throws BAD_ARGUMENT for a word that is no number, no errno, no status and no verdict. */
export function explain(word: string): Explained {
  if (/^0x[0-9a-f]{1,8}$/i.test(word)) return explainHex(Number(word));
  const upper = word.toUpperCase().replace(/^MLX5_CMD_STAT_/, '');
  const status = Object.keys(STATUSES).find((name) => name === upper || `${name}_ERR` === upper);
  const errno = /^[0-9]{1,4}$/.test(word) ? errnoName(Number(word)) : upper;
  const explanations = status ? explainStatus(status as StatusName) : [...explainErrno(errno), ...explainVerdict(word)];
  if (explanations.length > 0) return {explanations, isKnown: true};
  if (Object.hasOwn(constants.errno, errno)) return {explanations: [silentErrno(errno)], isKnown: false};
  throw new DekError('BAD_ARGUMENT', `dek has no explanation of "${word}"`, {
    hint: 'dek explain lists the words that it has; a syndrome is written with 0x',
  });
}

function explainHex(number: number): Explained {
  const status = number <= MAX_STATUS ? statusName(number) : undefined;
  if (status) return {explanations: explainStatus(status), isKnown: true};
  return {explanations: [explainSyndrome(number)], isKnown: isKnownSyndrome(number)};
}

function silentErrno(name: string): Explanation {
  const text = 'an errno that libibverbs and libmlx5 give no meaning of its own for a login or a DEK';
  return {kind: 'errno', name, of: null, text, next: null, basis: 'assumed'};
}

/** The words that `explain` knows, by what they are. */
export function knownWords(): Readonly<Record<'errnos' | 'statuses' | 'verdicts', readonly string[]>> {
  return {errnos: knownErrnos(), statuses: Object.keys(STATUSES), verdicts: knownVerdicts()};
}
