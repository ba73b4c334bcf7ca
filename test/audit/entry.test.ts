import {expect} from 'chai';
import fc from 'fast-check';
import {AUDIT_KINDS, fieldsOf, MESSAGE_IDS, parseEntry} from '../../src/audit/entry.js';
import {refusal} from '../support/keys/arbitrary.js';

/** As they were released. */
const FIXED = {
  create: '05283323ebe94c67a0df20da07df6a38',
  replace: '2f276d3beb244b318d635c38e8a765a6',
  heal: '39a63cbb980841219ef2224aef2a89ea',
  prove: 'bbf63e4a50394ac7ac55a6ae0ce17409',
  attach: '067d1f1495c841d199d3cb16fde7b2b9',
  sign: '857e7496a49b4aecb37bb4c011cd6a2c',
  refuse: '4a81d2ecb53d4370834d11990f58374a',
};

describe('an entry of the audit', () => {
  const entry = {
    kind: 'replace',
    result: 'ok',
    uid: 1,
    pid: 2,
    device: 'mlx5_0',
    deks: [
      {name: 'vol-1', dcv: '21dd5e59f72d3d2f01d0bb048a7251d2'},
      {name: 'vol-2', dcv: null},
    ],
    manifest: '8f14e45fceea167a5a36dedd4bea2543',
    generation: 3,
    digest: undefined,
    detail: undefined,
  } as const;

  it('has ids that no release changes', () => {
    expect(AUDIT_KINDS).to.deep.equal(['create', 'replace', 'heal', 'prove', 'attach', 'sign', 'refuse']);
    expect(new Set(Object.values(MESSAGE_IDS)).size).to.equal(AUDIT_KINDS.length);
    expect(MESSAGE_IDS).to.deep.equal(FIXED);
  });

  it('is read as it was written', () => {
    const fields: Record<string, string | string[]> = {__REALTIME_TIMESTAMP: '1796029441058751', _UID: '5', _PID: '6'};
    for (const field of fieldsOf(entry)) {
      const [name, value] = [field.slice(0, field.indexOf('=')), field.slice(field.indexOf('=') + 1)];
      const before = fields[name];
      fields[name] = before === undefined ? value : [before, value].flat();
    }
    expect(fields['MESSAGE']).to.equal(
      'replace of vol-1 and 1 more on mlx5_0, generation 3: ok, for user 1, process 2',
    );
    const time = new Date(1796029441058).toISOString();
    expect(parseEntry(fields)).to.deep.equal({...entry, time, writer: {uid: 5, pid: 6}});
  });

  it('takes any object for what it is', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (fields) => {
        const some = {...fields, MESSAGE_ID: MESSAGE_IDS.sign, __REALTIME_TIMESTAMP: '1'};
        for (const object of [fields, some]) {
          expect(refusal(() => parseEntry(object))).to.be.oneOf(['no error', 'BAD_INPUT']);
        }
      }),
    );
  });
});
