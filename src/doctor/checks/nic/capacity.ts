/** Room for DEKs, and for those of the manifest, and whether the firmware knows the objects that they are made by. */
import type {AgentStatus} from '../../../agent/protocol.js';
import {DekError} from '../../../errors.js';
import {type Check, type Finding, found, well} from '../../check.js';
import {manifestNics} from '../../manifest-nics.js';

/** The share of a NIC's room from which on it is nearly full. */
const NEARLY = 0.9;

/** DEKs of the agent on this NIC: its own, and those in contexts that services lend. */
function heldOn(nic: string, {contexts}: AgentStatus): number {
  return contexts.filter(({device}) => device === nic).reduce((sum, {deks}) => sum + deks.total, 0);
}

export const capacity: Check = {
  name: 'capacity',
  verdicts: {
    'no-login-objects': {
      level: 'fix',
      text: 'the firmware knows no crypto logins, or no DEKs',
      fix: 'update the firmware',
      basis: 'assumed',
    },
    'too-many-deks': {
      level: 'fix',
      text: 'the manifest has more DEKs than the NIC has room for',
      fix: 'spread them over more NICs, each with a manifest of its own; dek manifest set --remove takes DEKs out',
    },
    'nearly-full': {
      level: 'note',
      text: 'the DEKs of the agent nearly fill the NIC; other processes count as well',
      fix: 'destroy DEKs that are not needed, or spread them over more NICs',
    },
  },
  async look(scene) {
    const agent = await scene.agent();
    const offered = await scene.manifest();
    const wanted = offered === undefined || offered instanceof DekError ? 0 : offered.deks;
    const wanting = await manifestNics(scene);
    return (await scene.nics()).map((nic): Finding => {
      const {caps, hca} = scene.capsOf(nic);
      const {maxDeks, importMode} = caps;
      const {deks, logins, logDekMaxAlloc} = hca;
      if (!hca.isTold || importMode === 'none') return well('no DEKs', nic.name);
      const used = agent instanceof Error ? undefined : heldOn(nic.name, agent);
      const room = maxDeks === 0 ? 'unknown room' : `room for ${maxDeks} DEKs`;
      const bulk = logDekMaxAlloc === 0 ? '' : `, up to ${2 ** logDekMaxAlloc} a command`;
      const seen = `${room}${bulk}${used === undefined ? '' : `, the agent holds ${used}`}`;
      if (importMode !== 'unknown' && (!deks || (importMode === 'wrapped' && !logins))) {
        return found('no-login-objects', seen, nic.name);
      }
      if (wanting.includes(nic) && maxDeks > 0 && wanted > maxDeks) {
        return found('too-many-deks', `${seen}, the manifest has ${wanted}`, nic.name);
      }
      const isFull = used !== undefined && maxDeks > 0 && used >= NEARLY * maxDeks;
      return isFull ? found('nearly-full', seen, nic.name) : well(seen, nic.name);
    });
  },
};
