export {
  DEK_LAYOUTS,
  type DekLayout,
  layoutOfPlaintext,
  layoutOfWrapped,
  plaintextBytes,
  wrappedBytes,
} from '../dek-layout.js';
export {rewrapKeys, unwrapKeys, wrapKeys} from './bulk.js';
export {unwrapCredential, wrapCredential} from './credential.js';
export {type Arrangement, arrangementOf, dcvHints, dekCheckValue} from './dcv/dcv.js';
export {type DekKeys, type SplitOptions, splitDek, type UnwrappedDek, unwrapDek, wrapDek} from './dek-keys.js';
export {keyCheckValue} from './kcv.js';
export {checkKnownAnswers, type KnownAnswerResult, type VectorSet} from './known-answers.js';
export {unwrapKey, wrapKey} from './kw.js';
