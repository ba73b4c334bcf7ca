/** The flags of whatever starts an agent: `dek agent` and `dek run`. */
import {manifestFlags} from '../manifest/manifest-source.js';
import {agentKekFlags, explainFlag, queryFlag} from './agent-options.js';
import {checkIntervalFlag, devicesFlag} from './flags.js';
import {gateFlags} from './gate-flags.js';
import {lendFlags} from './lend-flags.js';
import {proveFlags} from './prove-flags.js';

export const agentFlags = {
  device: devicesFlag,
  ...manifestFlags,
  ...gateFlags,
  ...agentKekFlags,
  query: queryFlag,
  explain: explainFlag,
  ...proveFlags,
  ...lendFlags,
  'check-interval': checkIntervalFlag,
};
