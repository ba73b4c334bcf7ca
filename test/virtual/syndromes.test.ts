import {readFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {SYNDROMES} from '../../src/virtual/syndromes.js';

describe('syndromes of the virtual ConnectX', () => {
  it('are those of firmware.h', () => {
    const path = fileURLToPath(new URL('../../../src/virtual/shim/firmware/firmware.h', import.meta.url));
    const [, body] = /enum syndrome \{(.*?)\};/s.exec(readFileSync(path, 'utf8'))!;
    let next = 0;
    const numbers = new Map<number, string>();
    for (const [, name, value] of body!.replace(/\/\*.*?\*\//gs, '').matchAll(/(\w+)(?: = (\w+))?,/g)) {
      next = value === undefined ? next : Number(value);
      numbers.set(next++, name!);
    }
    const ours = new Map([...SYNDROMES].map(([number, {name}]) => [number, name]));
    expect(ours).to.deep.equal(numbers);
  });
});
