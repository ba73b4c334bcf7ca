export type {VirtualReport} from './report.js';
export {parseSettings, type SecretReader, settingLines, wipeSettings} from './setting-words.js';
export type {ErrorRule, Fault, OfficerKey, Settings} from './settings.js';
export {type CreateOptions, createVirtual, openVirtual, VirtualConnectX} from './virtual.js';
