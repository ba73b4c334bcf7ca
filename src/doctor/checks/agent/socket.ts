/** Who may talk to the agent: the mode of its socket. */
import {statNow} from '../../../files/stat.js';
import {type Check, found, well} from '../../check.js';

const OTHERS_MAY_WRITE = 0o002;

export const socket: Check = {
  name: 'socket',
  verdicts: {
    'socket-open': {
      level: 'fix',
      text: 'every user of this host may talk to the agent: create and destroy DEKs',
      fix: 'chmod o-rwx the socket; start the agent with --group for a group that may',
    },
    'socket-no-socket': {
      level: 'fix',
      text: 'what lies there is no socket',
      fix: 'remove it, or name another: --socket',
    },
  },
  look(scene) {
    const stats = statNow(scene.socket);
    if (stats === undefined) return [];
    const seen = `mode ${(Number(stats.mode) & 0o777).toString(8)}, user ${stats.uid}, group ${stats.gid}`;
    if (!stats.isSocket()) return [found('socket-no-socket', seen, scene.socket)];
    return [
      (Number(stats.mode) & OTHERS_MAY_WRITE) === 0
        ? well(seen, scene.socket)
        : found('socket-open', seen, scene.socket),
    ];
  },
};
