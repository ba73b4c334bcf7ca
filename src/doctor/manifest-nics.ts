/** The NICs that are to hold the DEKs of the manifest: those that it names, else the agent's, else the only one. */
import {DekError} from '../errors.js';
import {type Device, isCalled} from '../rdma/index.js';
import type {Scene} from './scene.js';

/** None where there is no manifest, or nothing tells which NICs it is for. */
export async function manifestNics(scene: Scene): Promise<readonly Device[]> {
  const offered = await scene.manifest();
  if (offered === undefined || offered instanceof DekError) return [];
  const nics = await scene.nics();
  const {devices} = offered.header;
  if (devices.length > 0) return nics.filter(({info}) => devices.some((name) => isCalled(info, name)));
  const agent = await scene.agent();
  if (agent instanceof DekError) return nics.length === 1 ? nics : [];
  return nics.filter(({name}) => agent.devices.some((held) => held.name === name));
}
