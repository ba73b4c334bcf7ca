/**
 * The virtual ConnectX for tests of other programs, `mlx5-dek/virtual`: make one, change it while programs run on it,
 * give a program the environment in which it finds it, and count what is on it. docs/virtual-connectx.md says what it
 * answers.
 */
export type {ImportMode, Role} from '../dek-layout.js';
export type {ErrorRule, InjectedFault} from './faults.js';
export type {LiveContext, LiveCounters, ObjectCounters} from './live.js';
export type {Contrary, Engine, NicState, Policy, PortState, Tweak} from './properties.js';
export type {DekErrorReport, FaultReport, VirtualReport} from './report.js';
export {SERVICE_PRESETS, type ServiceTimes} from './service.js';
export type {OfficerKey, Settings} from './settings.js';
export {type CreateOptions, createVirtual, openVirtual, VirtualConnectX} from './virtual.js';
