import {expect} from 'chai';
import {capacity} from '../../src/doctor/checks/nic/capacity.js';
import {crypto} from '../../src/doctor/checks/nic/crypto.js';
import {dataPath} from '../../src/doctor/checks/nic/data-path.js';
import {Scene} from '../../src/doctor/scene.js';
import {DekError} from '../../src/errors.js';
import type {Device} from '../../src/rdma/index.js';

describe('the scene of dek doctor', () => {
  it('asks a NIC once for what it can do, however many checks want it', async () => {
    const asked: string[] = [];
    const answer =
      <T>(name: string, value: T) =>
      (): T => {
        asked.push(name);
        return value;
      };
    const nic = {
      name: 'mlx5_0',
      caps: {importMode: 'wrapped'},
      readCaps: answer('caps', {importMode: 'wrapped', operational: true, failedSelftests: 0, maxDeks: 16}),
      readHcaCaps: answer('hca', {
        isTold: true,
        crypto: true,
        deks: true,
        logins: true,
        singleBlock: true,
        logDekMaxAlloc: 0,
      }),
      readPort: answer('port', {isUp: true, address: undefined}),
      releaseWithOldTweak: () => null,
    };
    const scene = new Scene();
    scene.nics = async () => [nic as unknown as Device];
    scene.agent = async () => new DekError('NO_AGENT', 'none');
    for (const check of [crypto, capacity, dataPath]) expect(await check.look(scene)).to.have.length(1);
    expect(asked.sort()).to.deep.equal(['caps', 'hca', 'port']);
  });
});
