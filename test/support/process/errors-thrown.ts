/** Catches the DekError that something is expected to throw. */
import {DekError} from '../../../src/errors.js';

/** The DekError that `action` throws or rejects with; anything else fails the test. */
export async function thrownBy(action: () => unknown): Promise<DekError> {
  try {
    await action();
  } catch (error) {
    if (error instanceof DekError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** The code and the message of the DekError that `call` rejects with, or `no error`. */
export async function refusalOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof DekError) return `${error.code} ${error.message}`;
    throw error;
  }
  return 'no error';
}
