/** What proofs and data need of a NIC: a way to itself, a port, and a tweak that all others have as well. */
import {type Check, type Finding, found, well} from '../../check.js';

export const dataPath: Check = {
  name: 'data path',
  verdicts: {
    'old-tweak': {
      level: 'fix',
      text: 'libmlx5 gives this NIC the tweak in the other byte order: no host with rdma-core 44 reads its data',
      fix: 'update rdma-core to 44 or later before data is written',
      basis: {seen: 'libmlx5: the tweak is turned over from rdma-core 44 on; what a NIC makes of it is assumed'},
    },
    'port-down': {
      level: 'note',
      text: 'the port is down: no data moves, and a proof needs force loopback',
      fix: 'plug in the cable; ip link set up',
    },
    'no-address': {
      level: 'note',
      text: 'the port has no address (GID, LID)',
      fix: 'give its net device an address',
    },
    'no-loopback': {
      level: 'note',
      text: 'the firmware has no force loopback: a proof needs the port up, and an address',
      fix: 'update the firmware where DEKs are to be proven without a cable',
      basis: 'assumed',
    },
  },
  async look(scene) {
    return Promise.all(
      (await scene.nics()).map(async (nic): Promise<Finding> => {
        const release = nic.releaseWithOldTweak();
        if (release !== null) return found('old-tweak', `rdma-core ${release}, multi-block engine`, nic.name);
        const {isUp, address} = await nic.readPort();
        const {loopback} = scene.capsOf(nic).hca;
        const parts = [isUp ? 'port up' : 'port down', address ? 'address' : 'no address'];
        const seen = `${parts.join(', ')}, ${loopback ? 'force loopback' : 'no force loopback'}`;
        if (!isUp) return found('port-down', seen, nic.name);
        if (!address) return found('no-address', seen, nic.name);
        return loopback ? well(seen, nic.name) : found('no-loopback', seen, nic.name);
      }),
    );
  },
};
