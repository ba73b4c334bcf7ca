/**
 * Who on this host still names an import KEK: manifests, kept generations of them, and the logins of the running agent.
 * A login names it by its id on a NIC; which key that id is, a manifest says.
 */
import {closeSync, openSync, readdirSync, readSync} from 'node:fs';
import {join} from 'node:path';
import {connectAgent} from '../agent/client.js';
import type {AgentStatus} from '../agent/protocol.js';
import {toHex} from '../bytes.js';
import type {LoginOptions} from '../dek-layout.js';
import {DekError} from '../errors.js';
import {statNow} from '../files/stat.js';
import {systemError} from '../files/system-error.js';
import {isUnfinished} from '../files/whole-file.js';
import {readHeader} from '../manifest/read.js';
import {describeId} from './output/describe.js';

/** A manifest that names it. */
export interface ManifestUse {
  readonly path: string;
  /** null in version 1. */
  readonly generation: number | null;
  /** login: its DEKs are wrapped by it; nextLogin: they are to be. */
  readonly as: 'login' | 'nextLogin';
  /** null in a manifest without a login. */
  readonly importKekId: number | null;
}

/** A login that names it. */
export interface LoginUse {
  readonly device: string;
  /** The agent's own context, or one that a service lends. */
  readonly kind: 'own' | 'lent';
  readonly pid: number | null;
  readonly importKekId: number;
}

/** All of them. */
export interface KekUsage {
  readonly manifests: readonly ManifestUse[];
  readonly logins: readonly LoginUse[];
  /** Manifests that were looked at. */
  readonly lookedAt: readonly string[];
  /** Whether an agent was asked. */
  readonly agent: boolean;
}

/** Where to look besides the manifest of the agent: files, or folders of them. */
export interface UsageOptions {
  readonly paths: readonly string[];
  readonly socket: string | undefined;
  /** Ids on the NIC that are known to be this KEK's. */
  readonly ids?: readonly number[];
  /** Only logins on these NICs; all when left out. */
  readonly devices?: readonly string[];
}

/** Looks. Throws what stands in the way of looking, since what was not seen may name it. */
export async function kekUsage(
  kcv: string | null,
  {paths, socket, ids = [], devices}: UsageOptions,
): Promise<KekUsage> {
  const status = await statusIfAny(socket);
  const files = new Set(paths.flatMap(manifestsIn));
  if (status?.manifest) files.add(status.manifest.path);
  const manifests: ManifestUse[] = [];
  for (const path of files) manifests.push(...(await usesIn(path, kcv, ids)));
  const known = new Set([...ids, ...manifests.flatMap(({importKekId}) => importKekId ?? [])]);
  const logins = (status ? loginsOf(status) : []).filter(
    ({importKekId, device}) => known.has(importKekId) && (devices?.includes(device) ?? true),
  );
  return {manifests, logins, lookedAt: [...files], agent: status !== undefined};
}

/** `/etc/dek/deks.manifest, generation 3` and so on, a line each. */
export function usageLines({manifests, logins}: KekUsage): string[] {
  return [
    ...manifests.map(({path, generation, as, importKekId}) => {
      const edition = generation === null ? '' : `, generation ${generation}`;
      const id = importKekId === null ? '' : `, import KEK ${describeId(importKekId)}`;
      return `${path}${edition}: ${as === 'login' ? 'wrapped by it' : 'its next login'}${id}`;
    }),
    ...logins.map(({device, kind, pid, importKekId}) => {
      const whose = kind === 'lent' ? `context of process ${pid}` : 'agent';
      return `${device}: login of the ${whose}, import KEK ${describeId(importKekId)}`;
    }),
  ];
}

/** Throws BUSY when anything names it; `hint` is the next step then. */
export function assertUnused(name: string, usage: KekUsage, hint: string): void {
  const lines = usageLines(usage);
  if (lines.length === 0) return;
  throw new DekError('BUSY', `${name} is still in use: ${lines.join('; ')}`, {hint});
}

/** The status of the agent, undefined where none runs. */
export async function statusIfAny(socket: string | undefined): Promise<AgentStatus | undefined> {
  try {
    const agent = await connectAgent(socket);
    return await agent.status();
  } catch (error) {
    if (error instanceof DekError && error.code === 'NO_AGENT') return undefined;
    throw error;
  }
}

/** The logins of an agent: of its own contexts, and in those that services lend. */
export function loginsOf({devices, contexts}: AgentStatus): LoginUse[] {
  const own = devices.flatMap(({name, login}): LoginUse[] =>
    login ? [{device: name, kind: 'own', pid: null, importKekId: login.importKekId}] : [],
  );
  const lent = contexts
    .filter(({kind}) => kind === 'lent')
    .flatMap(({device, login, pid}): LoginUse[] =>
      login ? [{device, kind: 'lent', pid, importKekId: login.importKekId}] : [],
    );
  return [...own, ...lent];
}

async function usesIn(path: string, kcv: string | null, ids: readonly number[]): Promise<ManifestUse[]> {
  const {edition, login, importKekKcv} = await readHeader(path);
  const generation = edition?.generation ?? null;
  const names = (key: Uint8Array | null, by: LoginOptions | null): boolean =>
    key && kcv !== null ? toHex(key) === kcv : by !== null && ids.includes(by.importKekId);
  const uses: ManifestUse[] = [];
  const next = edition?.nextLogin ?? null;
  if (names(importKekKcv, login)) {
    uses.push({path, generation, as: 'login', importKekId: login?.importKekId ?? null});
  }
  if (next && names(next.importKekKcv, next)) {
    uses.push({path, generation, as: 'nextLogin', importKekId: next.importKekId});
  }
  return uses;
}

/** The file itself, or the manifests in a folder, links to them too: files that begin as one, and were finished. */
function manifestsIn(path: string): string[] {
  try {
    if (!statNow(path)?.isDirectory()) return [path];
    return readdirSync(path)
      .filter((name) => !isUnfinished(name))
      .map((name) => join(path, name))
      .filter((file) => statNow(file)?.isFile() && beginsAsManifest(file));
  } catch (error) {
    throw systemError('read', path, error);
  }
}

const HEAD = Buffer.from('{"dek-manifest":');

/** Throws when it cannot be read: it may be one. */
function beginsAsManifest(path: string): boolean {
  const head = Buffer.alloc(HEAD.length);
  const fd = openSync(path, 'r');
  try {
    return readSync(fd, head) === head.length && head.equals(HEAD);
  } finally {
    closeSync(fd);
  }
}
