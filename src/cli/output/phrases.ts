/** What the sentences of several commands have in common. */
import {counted} from '../../bytes.js';
import type {DekLayout} from '../../dek-layout.js';

type Kind = Pick<DekLayout, 'keySize' | 'keytag'>;

/** `1 DEK`, `3 DEKs`, `3 256-bit DEKs with keytag`. */
export function countDeks(count: number, kind?: Kind): string {
  return kind ? `${count} ${named(count === 1 ? 'DEK' : 'DEKs', kind)}` : counted(count, 'DEK');
}

/** `1 manifest`, `3 manifests`. */
export function countManifests(count: number): string {
  return counted(count, 'manifest');
}

/** `256-bit DEK with keytag`, `128-bit DEK without keytag`. */
export function nameDek(kind: Kind): string {
  return named('DEK', kind);
}

/** `the KEK with KCV 1e2f3a4b5c`, and with those of its components; `a KEK whose KCV is not known`. */
export function nameKek({kekKcv, kekComponents}: {kekKcv: string | null; kekComponents?: readonly string[]}): string {
  if (kekKcv === null) return 'a KEK whose KCV is not known';
  const parts = kekComponents ? ` of components with KCV ${kekComponents.join(', ')}` : '';
  return `the KEK with KCV ${kekKcv}${parts}`;
}

/** `its check value (DCV) is 0a63...` */
export function nameDcv(dcv: string): string {
  return `its check value (DCV) is ${dcv}`;
}

function named(noun: string, {keySize, keytag}: Kind): string {
  return `${keySize}-bit ${noun} ${keytag ? 'with' : 'without'} keytag`;
}
