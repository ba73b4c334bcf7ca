/** What a context that is logged in takes, or any of a NIC of plaintext import. */
import {secretBytes, wipe} from '../../bytes.js';
import {DEK_LAYOUTS, layoutOf} from '../../dek-layout.js';
import type {Device} from '../../rdma/index.js';
import {type Answer, answer, type Bench, type Experiment, logIn, statusOf} from './bench.js';
import {dekCommand, idOf, loginCommand, pdGoes, setBehind} from './commands.js';
import {cannotWrap, firstSubject, type Subject} from './subject.js';

const NUMBERS = [2, 4, 5, 6, 8];
/** How often a DEK is made and destroyed to see its id again. */
const IDS = 32;

export const underLogin: Experiment = {
  title: 'what a context with a login takes',
  numbers: NUMBERS,
  async run(bench) {
    const {nic, material} = bench;
    const session = logIn(bench);
    if (typeof session === 'string') return {answers: NUMBERS.map((number) => answer(number, undefined, session))};
    using _session = session;
    const login = material?.header.login;
    const second =
      login && nic.readCaps().importMode === 'wrapped' ? statusOf(nic, loginCommand(login)) : 'not asked: no login';
    return {
      answers: [
        answer(2, second.startsWith('not') ? undefined : second === 'BAD_RES_STATE', `the second login: ${second}`),
        await equalHalves(bench),
        ...(await withDek(bench)),
      ],
    };
  },
};

/** 4, 6, 8: of a DEK of any layout, since a KEK that does not wrap leaves those of the manifest. */
async function withDek(bench: Bench): Promise<Answer[]> {
  const subject = await firstSubject(bench, DEK_LAYOUTS.toReversed());
  if (typeof subject === 'string') return [4, 6, 8].map((number) => answer(number, undefined, `not asked: ${subject}`));
  using _wiped = subject;
  const {nic} = bench;
  const {options} = subject;
  const goes = pdGoes(nic, options);
  const behind = statusOf(nic, dekCommand(nic, options, setBehind((options.wrapped ?? options.plaintext)!.length)));
  return [
    answer(4, goes, goes === undefined ? 'no DEK could be made for it' : goes ? 'the PD went' : 'the PD is busy'),
    answer(6, behind === 'OK', `with a byte behind the key: ${behind}`),
    objectIds(nic, subject),
  ];
}

/** Seen again, an id refutes that none is used twice; not seen again, it may come yet. */
function objectIds(nic: Device, {options}: Subject): Answer {
  const ids = Array.from({length: IDS}, () => idOf(nic, options)).filter((id) => id !== undefined);
  const different = new Set(ids).size;
  const seen = `${ids.length} DEKs, one after the other, had ${different} ids`;
  const rest = different < ids.length ? '' : '; nothing here turns a DEK to ERROR, nor waits until all ids were used';
  return answer(8, different < ids.length ? false : undefined, seen + rest);
}

async function equalHalves({nic, kek}: Bench): Promise<Answer> {
  const {plaintextBytes, keySize, keytag} = layoutOf(128, false);
  const plaintext = secretBytes(plaintextBytes).fill(0x5a);
  try {
    if (nic.readCaps().importMode === 'plaintext')
      return taken(statusOf(nic, dekCommand(nic, {plaintext, keySize, keytag})));
    if (kek === null) return answer(5, undefined, 'not asked: no KEK was given');
    const wrapped = await kek.wrap(plaintext, plaintextBytes).catch(cannotWrap);
    if (typeof wrapped === 'string') return answer(5, undefined, `not asked: ${wrapped}`);
    return taken(statusOf(nic, dekCommand(nic, {wrapped, keySize, keytag})));
  } finally {
    wipe(plaintext);
  }
}

function taken(status: string): Answer {
  return answer(5, status === 'OK', `key1 == key2: ${status}`);
}
