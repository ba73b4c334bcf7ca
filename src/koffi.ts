/**
 * Koffi, loaded at the first call and set up before its first use, after which it can no longer be: the one door for
 * every ffi.ts, whichever comes first.
 */
import {createRequire} from 'node:module';
import {DekError} from './errors.js';

export type Koffi = typeof import('koffi');

/**
 * Each asynchronous call needs a stack of its own. Koffi keeps 8 and allocates the rest anew at every call, which made
 * 16 calls at once two to three times as dear (measured, Koffi 3.3.4). 32 is the most it keeps; only used ones take
 * memory.
 */
const RESIDENT_STACKS = 32;

let loaded: Koffi | undefined;

/** Throws NO_LIBRARY when Koffi has no native module for this machine. */
export function loadKoffi(): Koffi {
  if (loaded !== undefined) return loaded;
  let koffi: Koffi;
  try {
    koffi = createRequire(import.meta.url)('koffi') as Koffi;
  } catch (cause) {
    throw new DekError('NO_LIBRARY', `koffi has no native module for ${process.platform} ${process.arch}`, {
      hint: 'install again without omitting optional dependencies (npm install --include=optional)',
      cause,
    });
  }
  try {
    koffi.config({resident_async_pools: RESIDENT_STACKS});
  } catch {
    // The program that uses this package has used Koffi before: it keeps its setting.
  }
  loaded = koffi;
  return koffi;
}
