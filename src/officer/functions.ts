/** The same on several functions of a card, one after the other: whole, or taken back. */
import type {LoginOptions} from '../dek-layout.js';
import {DekError, withMessage} from '../errors.js';
import type {DeviceInfo} from '../rdma/index.js';
import {nameOf, Officer} from './officer.js';
import type {Addition, KeyKind, KeyReport} from './registers/registers.js';

/** Where a KEK or a credential was added: each NIC chooses an id of its own. */
export interface Added {
  readonly device: string;
  readonly id: number;
}

/** Adds to each function. When one refuses, those before it are as they were. Throws as `Officer.add`. */
export async function addToAll(
  functions: readonly DeviceInfo[],
  kind: KeyKind,
  login: LoginOptions,
  addition: Addition,
): Promise<Added[]> {
  return withOfficers(functions, async (officers) => {
    const added: {officer: Officer; id: number}[] = [];
    for (const officer of officers) {
      try {
        const id = await officer.add(kind, login, addition);
        added.push({officer, id});
        const {state} = await officer.find(kind, login, id);
        if (state !== 'READY')
          throw new DekError('NOT_READY', `the NIC added ${nameOf(kind, id)}, which is in ${state}`);
      } catch (error) {
        throw await takenBack(error, added, kind, login);
      }
    }
    return added.map(({officer, id}) => ({device: officer.info.name, id}));
  });
}

/** Deletes on each function the one with this id, after it was found on all of them. Throws as `Officer.delete`. */
export async function deleteOnAll(
  functions: readonly DeviceInfo[],
  kind: KeyKind,
  login: LoginOptions,
  id: number,
): Promise<void> {
  await withOfficers(functions, async (officers) => {
    for (const officer of officers) await officer.find(kind, login, id);
    const done: string[] = [];
    for (const officer of officers) {
      try {
        await officer.delete(kind, login, id);
        done.push(officer.info.name);
      } catch (error) {
        throw done.length === 0 ? error : withMore(error, `, after it was deleted on ${done.join(', ')}`);
      }
    }
  });
}

/** What a function has. */
export interface KeyList {
  readonly device: string;
  /** How many it has room for in all. */
  readonly room: number;
  readonly keys: readonly KeyReport[];
}

/** What each function has. Throws as `Officer.list`. */
export async function listOnAll(
  functions: readonly DeviceInfo[],
  kind: KeyKind,
  login: LoginOptions,
): Promise<KeyList[]> {
  return withOfficers(functions, async (officers) => {
    const lists: KeyList[] = [];
    for (const officer of officers) {
      const keys = await officer.list(kind, login);
      lists.push({device: officer.info.name, room: officer.caps().room[kind], keys});
    }
    return lists;
  });
}

/** Opens a way to each function before anything is sent; all are closed in the end. */
async function withOfficers<T>(
  functions: readonly DeviceInfo[],
  use: (officers: readonly Officer[]) => Promise<T>,
): Promise<T> {
  const officers: Officer[] = [];
  try {
    for (const info of functions) officers.push(await Officer.open(info));
    return await use(officers);
  } finally {
    for (const officer of officers) officer.close();
  }
}

/** The error, after what was added is deleted again; it says so where that failed. */
async function takenBack(
  error: unknown,
  added: readonly {officer: Officer; id: number}[],
  kind: KeyKind,
  login: LoginOptions,
): Promise<unknown> {
  const left: string[] = [];
  for (const {officer, id} of added) {
    try {
      await officer.delete(kind, login, id);
    } catch {
      left.push(`${nameOf(kind, id)} of ${officer.info.name}`);
    }
  }
  return left.length === 0 ? error : withMore(error, `; ${left.join(', ')} could not be taken back`);
}

function withMore(error: unknown, text: string): unknown {
  return error instanceof DekError ? withMessage(error, `${error.message}${text}`) : error;
}
