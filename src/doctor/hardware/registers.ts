/** Whether the firmware lets a user of DEVX at the crypto officer's registers: CRYPTO_OPERATIONAL is read, once. */
import {CRYPTO_OPERATIONAL} from '../../officer/registers/registers.js';
import {openDevx} from '../../officer/ways/devx.js';
import {accessRegister} from '../../officer/ways/way.js';
import {answer, type Experiment, nameOf} from './bench.js';

export const registers: Experiment = {
  title: "a look at the crypto officer's register by DEVX",
  numbers: [30],
  async run({nic}) {
    const way = await openDevx(nic.info);
    try {
      const {status} = accessRegister(way, CRYPTO_OPERATIONAL, new Uint8Array(CRYPTO_OPERATIONAL.bytes), false);
      const name = status === 0 ? 'OK' : nameOf(status);
      return {answers: [answer(30, name === 'BAD_OP', `CRYPTO_OPERATIONAL was read by DEVX: ${name}`)]};
    } finally {
      way.close();
    }
  },
};
