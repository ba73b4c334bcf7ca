export {parseSettings, type SecretReader, settingLines, wipeSettings} from './parse.js';
export type {VirtualReport} from './report.js';
export type {DekErrorRule, Fault, OfficerKey, Settings} from './settings.js';
export {type CreateOptions, createVirtual, openVirtual, VirtualConnectX} from './virtual.js';
