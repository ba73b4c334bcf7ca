/**
 * Nothing that an agent sends harms a program with libmlx5dek (liar.c). `SLOW=1` tells two hundred times as many lies.
 */
import {join} from 'node:path';
import {expect} from 'chai';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {compileProgram, LIBMLX5DEK, SANITIZED} from '../support/process/compile.js';

const ROUNDS = process.env['SLOW'] ? 200_000 : 1000;

describe('libmlx5dek and an agent that lies', function () {
  this.timeout(300_000 + ROUNDS * 10);
  let device: TestDevice;

  before(async () => {
    device = await testDevice();
  });
  after(() => device.remove());

  for (const seed of [1, Math.floor(Math.random() * 2 ** 32)]) {
    it(`lives, and understands what is left of the truth, from seed ${seed} on`, () => {
      const program = compileProgram('client/liar.c', [...SANITIZED, ...LIBMLX5DEK]);
      const args = [join(device.directory, 'socket'), `${seed}`, `${ROUNDS}`];
      const {status, signal, stdout, stderr} = device.run(program, args);
      expect({status, signal, stderr}).to.deep.equal({status: 0, signal: null, stderr: ''});
      const [, well, refused] = /^\d+ rounds: (\d+) went well, (\d+) were refused\n$/.exec(stdout)!.map(Number);
      expect(well).to.be.greaterThan(ROUNDS / 4);
      expect(refused).to.be.greaterThan(ROUNDS / 4);
      expect(device.nic.show().live).to.include({contexts: 0, pds: 0, cqs: 0, qps: 0, mkeys: 0});
    });
  }
});
