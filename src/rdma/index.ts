export type {Caps, CryptoEngine, ImportMode} from './caps.js';
export type {Dek, DekState} from './dek.js';
export {type Device, type OpenOptions, openDevice} from './device.js';
export {libraryVersion} from './ffi.js';
export type {CreateDekOptions, DekColumn} from './keys.js';
export {type DeviceInfo, isCalled, listDevices} from './list.js';
export type {Login, LoginOptions} from './login.js';
export type {LoginApiName, LoginState} from './login-api.js';
