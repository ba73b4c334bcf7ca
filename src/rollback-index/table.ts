/**
 * All kinds of stores, by what their text begins with: the one list from which help, manual and messages come. One more
 * is a file of its own and an entry here.
 */
import {orList} from '../bytes.js';
import {DekError} from '../errors.js';
import type {Store, StoreModule} from './store.js';

interface StoreKind {
  /** How help and messages write it. */
  readonly form: string;
  readonly load: () => Promise<StoreModule>;
}

/** By the scheme, which a colon follows. */
const STORES: Readonly<Record<string, StoreKind>> = {
  tpm: {form: 'tpm:INDEX', load: () => import('./tpm.js')},
  rpmb: {form: 'rpmb:PATH?key=SOURCE', load: () => import('./rpmb.js')},
  file: {form: 'file:PATH', load: () => import('./file.js')},
};

/** `tpm:INDEX, rpmb:PATH?key=SOURCE or file:PATH`: where a rollback index may be. */
export const STORE_FORMS = orList(Object.values(STORES).map(({form}) => form));

/** The store that `spec` names. Throws BAD_ARGUMENT. */
export async function openStore(spec: string): Promise<Store> {
  const scheme = /^([a-z]+):./.exec(spec)?.[1] ?? '';
  if (!Object.hasOwn(STORES, scheme)) {
    throw new DekError('BAD_ARGUMENT', `a rollback index is ${STORE_FORMS}`, {hint: 'see docs/signed.md'});
  }
  return (await STORES[scheme]!.load()).storeOf(spec.slice(scheme.length + 1));
}
