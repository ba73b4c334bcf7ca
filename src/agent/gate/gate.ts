/**
 * What stands between a manifest on disk and the NIC: it is read whole, by one descriptor, and goes on only when it is
 * authentic, meant for this host, and neither old nor over. Every way to a NIC leads through here: the start, an apply,
 * a reload, a heal, a context that is lent. No request to the agent changes what is asked for.
 */

import fs from 'node:fs/promises';
import {setTimeout as pause} from 'node:timers/promises';
import {Deadline, type Limit} from '../../deadline.js';
import {DekError} from '../../errors.js';
import {type Acceptance, acceptManifest, type Proof} from '../../manifest/acceptance/accept.js';
import type {Offered} from '../../manifest/acceptance/offer.js';
import {readProof, readTrust, releasePath, signaturePath} from '../../manifest/acceptance/signed-files.js';
import {NotSigned, type Trust} from '../../manifest/signature/verify.js';
import type {Events} from '../events.js';
import {ManifestFile, type OpenOptions} from '../set/manifest-file.js';
import {staticHostName} from './host-name.js';
import type {Memory} from './memory.js';
import {REFUSALS} from './refusals.js';

/** What an agent asks for. */
export interface GateOptions {
  /** A file of allowed signers, read anew each time; undefined: nothing has to be signed. */
  readonly allowedSigners: string | undefined;
  readonly threshold: number;
  /** A release that lists what may be applied, in the place of signatures of manifests. */
  readonly release: string | undefined;
  /** The name of this host; its static name when left out. */
  readonly host: string | undefined;
}

/** A manifest that may be applied: open, and read whole where that was needed to tell. */
export interface Admitted {
  readonly manifest: ManifestFile;
  readonly acceptance: Acceptance;
  /** What it was told by; undefined where its header was enough. */
  readonly grounds: Grounds | undefined;
}

interface Grounds {
  readonly offered: Offered;
  readonly proof: Proof;
  readonly trust: Trust | null;
}

/** Two files are not replaced at once: how long a pair may take that does not fit. */
const PATIENCE_MS = 10_000;
const LOOK_MS = 100;
/** How long a file, or a store, may give nothing. */
const TIMEOUT_MS = 10_000;
/** Refusals of a manifest and a signature that do not fit together; one that is not there (NotSigned) may yet come. */
const MISFITS: readonly string[] = ['BAD_SIGNATURE', 'NOT_RELEASED'];

export class Gate {
  readonly #options: GateOptions;
  readonly #host: string;
  readonly #memory: Memory;
  readonly #events: Events;

  constructor(options: GateOptions, memory: Memory, events: Events) {
    this.#options = options;
    this.#host = options.host ?? staticHostName();
    this.#memory = memory;
    this.#events = events;
  }

  /** Whether nothing unsigned is applied. */
  get isSignedOnly(): boolean {
    return this.#options.allowedSigners !== undefined;
  }

  /**
   * Opens a manifest that may be applied; the caller closes it. With `isPatient` a pair that does not fit is read again
   * for ten seconds. Throws what `ManifestFile.open` and `acceptManifest` throw, NOT_ENROLLED, and tells of a refusal.
   */
  async open(path: string, options: OpenOptions & {signal: AbortSignal}, isPatient = false): Promise<Admitted> {
    const until = performance.now() + (isPatient ? PATIENCE_MS : 0);
    const limit = {timeoutMs: TIMEOUT_MS, signal: options.signal};
    for (;;) {
      const seen = isPatient ? await this.#filesOf(path, limit) : '';
      try {
        return await this.#openOnce(path, options);
      } catch (error) {
        if (!isMisfit(error) || performance.now() >= until) throw this.#told(error, path);
        while ((await this.#filesOf(path, limit)) === seen && performance.now() < until) {
          await pause(LOOK_MS, undefined, {signal: options.signal}).catch(() => {
            throw new DekError('IO', `${path} is not waited for any more: interrupted`);
          });
        }
      }
    }
  }

  /**
   * To be called when nothing but this can fail any more: remembers what is about to be applied. Another may have been
   * accepted since it was opened. Throws ROLLED_BACK then, and what writing throws.
   */
  async remember({manifest, acceptance, grounds}: Admitted, signal: AbortSignal): Promise<void> {
    const {id} = acceptance;
    if (id === null) return;
    const limit = {timeoutMs: TIMEOUT_MS, signal};
    try {
      const now = grounds ? await this.#judge(grounds, limit) : acceptance;
      if (now.known) await this.#memory.remember(id, now.known, limit);
    } catch (error) {
      throw this.#told(error, manifest.path);
    }
  }

  async #openOnce(path: string, options: OpenOptions & {signal: AbortSignal}): Promise<Admitted> {
    const manifest = await ManifestFile.open(path, options);
    try {
      const limit = {timeoutMs: TIMEOUT_MS, signal: options.signal};
      if (!this.isSignedOnly && isForAny(manifest)) {
        return {manifest, acceptance: this.#acceptAny(manifest), grounds: undefined};
      }
      const trust = await this.#trust(limit);
      const proof: Proof = trust ? await readProof(path, this.#options.release, limit) : {signature: null};
      const grounds = {offered: await manifest.read(), proof, trust};
      return {manifest, acceptance: await this.#judge(grounds, limit), grounds};
    } catch (error) {
      manifest.close();
      throw error;
    }
  }

  async #judge({offered, proof, trust}: Grounds, limit: Limit): Promise<Acceptance> {
    const id = offered.header.edition?.id;
    const known = id ? await this.#memory.known(id, limit) : null;
    return acceptManifest(offered, proof, {trust, host: this.#host, known, now: new Date()});
  }

  /** Of a header that leaves nothing to judge; the digest comes when the file is read. */
  #acceptAny({header}: ManifestFile): Acceptance {
    const {id = null, generation = null} = header.edition ?? {};
    return {id, generation, digest: new Uint8Array(), isNew: true, signers: [], notAfter: null, known: null};
  }

  async #trust(limit: Limit): Promise<Trust | null> {
    const {allowedSigners, threshold} = this.#options;
    return allowedSigners === undefined ? null : readTrust(allowedSigners, threshold, {isStrict: true, limit});
  }

  /** Which files a judgement of `path` is by, as they are now. */
  async #filesOf(path: string, limit: Limit): Promise<string> {
    if (!this.isSignedOnly) return '';
    const {release = releasePath(path)} = this.#options;
    const deadline = new Deadline(path, limit);
    let seen = '';
    for (const one of [path, signaturePath(path), release, signaturePath(release)]) {
      const stat = await deadline.wait(() => fs.stat(one, {bigint: true}).catch(() => undefined));
      seen += `${stat?.dev} ${stat?.ino} ${stat?.size} ${stat?.mtimeNs}|`;
    }
    return seen;
  }

  #told(error: unknown, path: string): unknown {
    if (!(error instanceof DekError) || !(REFUSALS as readonly string[]).includes(error.code)) return error;
    this.#events.emit('error', 'manifest-refused', {path, reason: error.code, error: error.message});
    return error;
  }
}

function isForAny({header: {edition}}: ManifestFile): boolean {
  return !edition || (edition.hosts.length === 0 && edition.notAfter === null);
}

function isMisfit(error: unknown): boolean {
  return error instanceof NotSigned || (error instanceof DekError && MISFITS.includes(error.code));
}
