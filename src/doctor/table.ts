/** All checks, in the order in which one rests on another: the first verdict is the one to begin with. */
import type {Check} from './check.js';
import {agent} from './checks/agent.js';
import {capacity} from './checks/capacity.js';
import {crypto} from './checks/crypto.js';
import {dataPath} from './checks/data-path.js';
import {devices} from './checks/devices.js';
import {firmware} from './checks/firmware.js';
import {kernel} from './checks/kernel.js';
import {libraries} from './checks/libraries.js';
import {manifest} from './checks/manifest.js';
import {memory} from './checks/memory.js';
import {socket} from './checks/socket.js';
import {source} from './checks/source.js';
import {unit} from './checks/unit.js';

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
  manifest,
  source,
  unit,
];
