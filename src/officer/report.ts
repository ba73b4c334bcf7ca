/** What can be seen of the officer's side of a function, with a login or without one. */
import type {LoginOptions} from '../dek-layout.js';
import {DekError} from '../errors.js';
import {openDevice} from '../nics.js';
import type {DeviceInfo, NicImportMode} from '../rdma/index.js';
import type {OfficerCaps} from './caps.js';
import {Officer} from './officer.js';
import type {KeyReport} from './registers/registers.js';
import {findWay} from './ways/find.js';
import type {WayName} from './ways/way.js';

/** A function as an officer sees it. */
export interface FunctionReport {
  readonly device: string;
  readonly pciAddress: string | null;
  readonly importMode: NicImportMode;
  /** null: of a NIC without wrapped import. */
  readonly state: 'commissioning' | 'operational' | null;
  /** Whether it goes back to commissioning at its next reset. */
  readonly goingToCommissioning: boolean;
  /** The way to its registers; null: there is none. */
  readonly way: WayName | null;
  /** The ways before it, or all, and why they do not go. */
  readonly closedWays: readonly {readonly name: WayName; readonly reason: string; readonly hint: string | null}[];
  /** What it takes wrapped, and how many KEKs and credentials it has room for; null without a way. */
  readonly caps: OfficerCaps | null;
  /** null without an officer's login. */
  readonly keks: readonly KeyReport[] | null;
  readonly credentials: readonly KeyReport[] | null;
}

/** Looks at a function. Throws what opening it throws; what the login is refused with. */
export async function reportFunction(info: DeviceInfo, login: LoginOptions | undefined): Promise<FunctionReport> {
  const {way, closed} = await findWay(info);
  using officer = way && new Officer(info, way);
  const caps = officer ? officer.caps() : null;
  const seen = officer ? officer.state() : undefined;
  const device = await deviceCaps(info, seen !== undefined);
  const importMode = device?.importMode ?? (caps!.wrappedImport.includes('AES-XTS') ? 'wrapped' : 'plaintext');
  const {operational, goingToCommissioning} = seen ?? device!;
  const lists = officer && login && operational;
  return {
    device: info.name,
    pciAddress: info.pciAddress ?? null,
    importMode,
    state: importMode !== 'wrapped' ? null : operational ? 'operational' : 'commissioning',
    goingToCommissioning,
    way: way?.name ?? null,
    closedWays: closed.map(({name, error}) => ({name, reason: error.message, hint: error.hint ?? null})),
    caps,
    keks: lists ? await officer.list('kek', login) : null,
    credentials: lists ? await officer.list('credential', login) : null,
  };
}

/** What libmlx5 says; undefined when it cannot be asked and need not be. */
async function deviceCaps({name}: DeviceInfo, isKnown: boolean) {
  try {
    using device = await openDevice(name);
    return device.caps;
  } catch (error) {
    if (isKnown && error instanceof DekError) return undefined;
    throw error;
  }
}
