export type {Caps, CryptoEngine, NicImportMode} from './caps.js';
export type {CreatedDeks} from './create.js';
export type {Dek} from './dek.js';
export {type Device, type OpenOptions, openDevice} from './device.js';
export {libraryVersion} from './ffi.js';
export type {CreateDekOptions, DekColumn} from './keys.js';
export {type DeviceInfo, isCalled, listDevices} from './list.js';
export type {Login} from './login.js';
export type {LoginApiName} from './login-api.js';
