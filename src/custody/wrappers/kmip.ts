/**
 * An import KEK at KMIP servers: they make keys, and wrap them there. Keys that are here already are not wrapped: they
 * would have to be sent, and what TLS makes of them in this process cannot be wiped.
 */
import {wipe} from '../../bytes.js';
import {wrappedBytes} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import {assertKek, makeKey} from '../../kmip/keys.js';
import {Servers} from '../../kmip/servers.js';
import {hostText, type KmipUri, parseKmipUri} from '../../kmip/uri.js';
import type {KekHandle} from '../../wrap/kek-handle.js';
import type {OpenOptions} from './wrapper.js';

/** A chain of certificates, and what surrounds it. */
const MAX_PEM_BYTES = 64 * 1024;

/** Opens `kmip:rest`. Throws BAD_ARGUMENT for what is no such URI; what reading and the servers throw. */
export async function openKek(rest: string, options: OpenOptions): Promise<KekHandle> {
  const {uri, servers} = await openServers(rest, options);
  const kekBytes = await servers.use((client) => assertKek(client, uri.id));
  return new KmipKek(servers, uri, kekBytes, options);
}

/** The servers of `kmip:rest`, which are not connected to yet, and what else it says. */
export async function openServers(
  rest: string,
  {title, limit, readSecret, readPublic}: Pick<OpenOptions, 'title' | 'limit' | 'readSecret' | 'readPublic'>,
): Promise<{uri: KmipUri; servers: Servers}> {
  const uri = parseKmipUri(rest, title);
  const cert = await readPublic(uri.cert, MAX_PEM_BYTES, `${title} cert`);
  const ca = await readPublic(uri.ca, MAX_PEM_BYTES, `${title} ca`);
  const key = await readSecret(uri.key, MAX_PEM_BYTES, `${title} key`);
  try {
    return {uri, servers: new Servers(uri.hosts, {cert, key, ca}, limit?.timeoutMs)};
  } finally {
    wipe(key);
  }
}

class KmipKek implements KekHandle {
  readonly name: string;
  readonly kekBytes: number | undefined;
  readonly kcv: Uint8Array | undefined;
  readonly secret = undefined;
  readonly #servers: Servers;
  readonly #id: string;

  constructor(servers: Servers, {hosts, id}: KmipUri, kekBytes: number | undefined, {title, kcv}: OpenOptions) {
    this.#servers = servers;
    this.#id = id;
    this.name = `"${title}" key ${id} at the KMIP server ${hosts.map(hostText).join(', ')}`;
    this.kekBytes = kekBytes;
    this.kcv = kcv;
  }

  async wrap(): Promise<Uint8Array> {
    throw this.#onlyGenerates('wrap');
  }

  async unwrap(): Promise<Uint8Array> {
    throw this.#onlyGenerates('unwrap');
  }

  async rewrap(): Promise<Uint8Array> {
    throw this.#onlyGenerates('re-wrap');
  }

  async generate(count: number, plaintextBytes: number, names: readonly string[] = []): Promise<Uint8Array> {
    const eachBytes = wrappedBytes(plaintextBytes);
    const wrapped = new Uint8Array(count * eachBytes);
    let i = 0; // where a server was lost, the next one goes on
    await this.#servers.use(async (client) => {
      for (; i < count; i++) wrapped.set(await makeKey(client, this.#id, plaintextBytes, names[i]), i * eachBytes);
    });
    return wrapped;
  }

  async close(): Promise<void> {}

  #onlyGenerates(what: string): DekError<'UNSUPPORTED'> {
    return new DekError('UNSUPPORTED', `${this.name} does not ${what} keys that are here`, {
      hint: 'dek keygen makes keys there; dek manifest fetch makes a manifest of those that are there',
    });
  }
}
