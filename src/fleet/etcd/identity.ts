/**
 * Who we are to the store, and whom we take for it: TLS on both sides. The sources are read again for a new connection,
 * so that a certificate that was renewed is taken up.
 */
import {X509Certificate} from 'node:crypto';
import tls, {type SecureContext} from 'node:tls';
import {wipe} from '../../bytes.js';
import {readPublicText, readSecretText} from '../../custody/source.js';
import {kindOf, SOURCES} from '../../custody/sources/table.js';
import type {Limit} from '../../deadline.js';
import {DekError} from '../../errors.js';
import type {FleetUri} from '../uri.js';

/** More than a chain of certificates has. */
const MAX_BYTES = 2 ** 18;
/** A program that gives a key is not started for each of many connections in a row. */
const FRESH_MS = 5000;

interface Loaded {
  readonly context: SecureContext;
  /** Ours; undefined where there is none. */
  readonly certificate: X509Certificate | undefined;
  readonly atMs: number;
}

export class Identity {
  readonly #uri: FleetUri;
  readonly #limit: Limit;
  readonly #isLasting: boolean;
  #loaded: Loaded | undefined;

  /** What gives nothing for as long as `limit` says ends a reading. */
  constructor(uri: FleetUri, limit: Limit) {
    this.#uri = uri;
    this.#limit = limit;
    this.#isLasting = [uri.cert, uri.key].every((spec) => spec === undefined || isLasting(spec));
  }

  /** Whether all of its sources can be read again later, as an agent has to. */
  get isLasting(): boolean {
    const {password} = this.#uri;
    return this.#isLasting && (password === undefined || isLasting(password));
  }

  /** Whom the store takes us for. Throws BAD_ARGUMENT when nothing says. */
  async name(): Promise<string> {
    const name = this.#uri.user ?? commonNameOf(await this.certificate());
    if (name !== undefined && name !== '') return name;
    throw new DekError('BAD_ARGUMENT', 'the certificate of cert= has no common name to know this host by', {
      hint: 'give user= and password=, or a certificate whose common name is the host',
    });
  }

  /** Our certificate; undefined where a password says who we are. Throws as `context`. */
  async certificate(): Promise<X509Certificate | undefined> {
    return this.#uri.cert === undefined ? undefined : (await this.#load()).certificate;
  }

  /** What a new connection is made with. Throws NO_INPUT, PERMISSION, IO, UNSAFE_SECRET, BAD_INPUT. */
  async context(): Promise<SecureContext> {
    return (await this.#load()).context;
  }

  /** The password, which the caller wipes; undefined where the certificate says who we are. */
  async password(): Promise<Uint8Array | undefined> {
    const {password} = this.#uri;
    return password === undefined ? undefined : readSecretText(password, MAX_BYTES, 'password', this.#limit);
  }

  async #load(): Promise<Loaded> {
    const known = this.#loaded;
    if (known && (!this.#isLasting || performance.now() - known.atMs < FRESH_MS)) return known;
    try {
      this.#loaded = await this.#read();
    } catch (error) {
      // While one is being renewed, the old one may do.
      if (!known) throw error;
      this.#loaded = {...known, atMs: performance.now()};
    }
    return this.#loaded;
  }

  async #read(): Promise<Loaded> {
    const {cert: certSpec, key: keySpec, ca: caSpec} = this.#uri;
    const limit = this.#limit;
    const ca = Buffer.from(await readPublicText(caSpec, MAX_BYTES, 'ca', limit));
    const cert =
      certSpec === undefined ? undefined : Buffer.from(await readPublicText(certSpec, MAX_BYTES, 'cert', limit));
    const key = keySpec === undefined ? undefined : await readSecretText(keySpec, MAX_BYTES, 'key', limit);
    try {
      const ours = cert && key ? {cert, key: Buffer.from(key.buffer, key.byteOffset, key.length)} : {};
      return {
        context: tls.createSecureContext({ca, minVersion: 'TLSv1.2', ...ours}),
        certificate: cert && new X509Certificate(cert),
        atMs: performance.now(),
      };
    } catch (cause) {
      throw new DekError('BAD_INPUT', 'cert=, key= and ca= are no certificates with the key of the first, in PEM', {
        hint: 'the key belongs to the certificate, and has no passphrase',
        cause,
      });
    } finally {
      wipe(key);
    }
  }
}

function isLasting(spec: string): boolean {
  return kindOf(spec, SOURCES)?.kind.isLasting ?? !spec.startsWith('fd:');
}

function commonNameOf(certificate: X509Certificate | undefined): string | undefined {
  return /^CN=(.*)$/m.exec(certificate?.subject ?? '')?.[1];
}
