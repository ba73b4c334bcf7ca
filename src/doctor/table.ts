/** All checks, in the order in which one rests on another: the first verdict is the one to begin with. */
import type {Check} from './check.js';
import {agent} from './checks/agent/agent.js';
import {fleet} from './checks/agent/fleet.js';
import {gate} from './checks/agent/gate.js';
import {manifest} from './checks/agent/manifest.js';
import {rollback} from './checks/agent/rollback.js';
import {socket} from './checks/agent/socket.js';
import {source} from './checks/agent/source.js';
import {kernel} from './checks/host/kernel.js';
import {libraries} from './checks/host/libraries.js';
import {memory} from './checks/host/memory.js';
import {unit} from './checks/host/unit.js';
import {capacity} from './checks/nic/capacity.js';
import {crypto} from './checks/nic/crypto.js';
import {dataPath} from './checks/nic/data-path.js';
import {devices} from './checks/nic/devices.js';
import {firmware} from './checks/nic/firmware.js';

export const CHECKS: readonly Check[] = [
  libraries,
  devices,
  kernel,
  firmware,
  crypto,
  capacity,
  dataPath,
  memory,
  agent,
  socket,
  gate,
  manifest,
  rollback,
  fleet,
  source,
  unit,
];
