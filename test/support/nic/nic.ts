/** A virtual ConnectX as the tests of the bindings see it: secrets as hex, since they go to a child process as JSON. */
import {randomBytes} from 'node:crypto';
import {toHex} from '../../../src/bytes.js';
import type {CreateOptions, Settings} from '../../../src/virtual/index.js';
import {dcvHints, dekCheckValue} from '../../../src/wrap/dcv/dcv.js';
import {wrapKey} from '../../../src/wrap/index.js';
import {type TestDevice, testDevice} from './device.js';

/** What a login takes; the credential is wrapped. */
export interface NicSecrets {
  credential: string;
  credentialId: number;
  importKekId: number;
}

export class Nic {
  readonly env: NodeJS.ProcessEnv;
  readonly secrets: NicSecrets;
  readonly #device: TestDevice;

  constructor(device: TestDevice) {
    this.#device = device;
    this.env = device.nic.environment();
    this.secrets = {
      credential: Buffer.from(device.wrappedCredential).toString('hex'),
      credentialId: device.credentialId,
      importKekId: device.kekId,
    };
  }

  set(settings: Settings, device?: string): void {
    this.#device.nic.set(settings, device);
  }

  /** What lives on the NIC now. */
  live(device?: string): {contexts: number; pds: number; logins: number; deks: number} {
    const {contexts, pds, logins, deks} = this.#device.nic.show(device).live;
    return {contexts, pds, logins, deks};
  }

  /** Work requests that the NIC has done since it was made. */
  workRequests(): number {
    return this.#device.nic.show().total.workRequests;
  }

  /** What of the data path lives on the NIC now. */
  liveDataPath(): {cqs: number; qps: number; mrs: number; mkeys: number} {
    const {cqs, qps, mrs, mkeys} = this.#device.nic.show().live;
    return {cqs, qps, mrs, mkeys};
  }

  /**
   * A random key, wrapped by the NIC's import KEK, with what proves it; `made` says which bytes are wrapped in its
   * place.
   */
  randomKey(
    {keySize, keytag}: {keySize: number; keytag: boolean},
    made: (plaintext: Buffer) => Buffer = (plaintext) => plaintext,
  ): {wrapped: string; dcv: string; hints: string; keytag: string | undefined} {
    const plaintext = randomBytes(keySize / 4 + (keytag ? 8 : 0));
    return {
      wrapped: toHex(wrapKey(this.#device.kek, made(Buffer.from(plaintext)))),
      dcv: toHex(dekCheckValue(plaintext)),
      hints: toHex(dcvHints(plaintext)),
      keytag: keytag ? toHex(plaintext.subarray(-8)) : undefined,
    };
  }

  revokeKek(): void {
    this.set({revokeKeks: [this.#device.kekId]});
  }

  restoreKek(): void {
    this.set({keks: [{id: this.#device.kekId, secret: this.#device.kek}]});
  }

  /** A key of this layout, wrapped by the NIC's import KEK or by `kek`; `equal`: with key1 == key2. */
  wrappedKey(
    {keySize, keytag}: {keySize: number; keytag: boolean},
    {kek = this.#device.kek, equal = false} = {},
  ): string {
    const half = keySize / 8;
    const plaintext = new Uint8Array(half * 2 + (keytag ? 8 : 0)).fill(0x11);
    plaintext.fill(equal ? 0x11 : 0x22, half, half * 2);
    return Buffer.from(wrapKey(kek, plaintext)).toString('hex');
  }

  remove(): void {
    this.#device.remove();
  }
}

/** A new virtual ConnectX; call `remove` after. */
export async function newNic(settings: Settings = {}, options: CreateOptions = {}): Promise<Nic> {
  return new Nic(await testDevice({...options, settings}));
}
