/** The checks, by the file whose tests cause their verdicts. */
import {agent} from '../../src/doctor/checks/agent/agent.js';
import {fleet} from '../../src/doctor/checks/agent/fleet.js';
import {gate} from '../../src/doctor/checks/agent/gate.js';
import {manifest} from '../../src/doctor/checks/agent/manifest.js';
import {rollback} from '../../src/doctor/checks/agent/rollback.js';
import {socket} from '../../src/doctor/checks/agent/socket.js';
import {source} from '../../src/doctor/checks/agent/source.js';
import {kernel} from '../../src/doctor/checks/host/kernel.js';
import {libraries} from '../../src/doctor/checks/host/libraries.js';
import {memory} from '../../src/doctor/checks/host/memory.js';
import {unit} from '../../src/doctor/checks/host/unit.js';
import {capacity} from '../../src/doctor/checks/nic/capacity.js';
import {crypto} from '../../src/doctor/checks/nic/crypto.js';
import {dataPath} from '../../src/doctor/checks/nic/data-path.js';
import {devices} from '../../src/doctor/checks/nic/devices.js';
import {firmware} from '../../src/doctor/checks/nic/firmware.js';

/** verdicts.nic.test.ts */
export const OF_HOST = [libraries, devices, kernel, firmware, crypto, capacity, dataPath, memory, unit];
/** agent-verdicts.nic.test.ts, and `--probe` */
export const OF_AGENT = [agent, socket, gate, manifest, rollback, source];
/** fleet-verdicts.slow.test.ts */
export const OF_FLEET = [fleet];
