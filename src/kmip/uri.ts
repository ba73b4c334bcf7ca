/** What people write for a key at KMIP servers: `kmip://HOST[:PORT][,HOST...]/ID?cert=SOURCE&key=SOURCE&ca=FILE`. */
import {orList} from '../bytes.js';
import {DekError} from '../errors.js';

export interface Host {
  readonly host: string;
  readonly port: number;
}

/** A whole URI. */
export interface KmipUri {
  /** In the order in which they are tried. */
  readonly hosts: readonly Host[];
  /** The unique identifier of the key. */
  readonly id: string;
  /** Sources of our certificate and its private key, PEM. */
  readonly cert: string;
  readonly key: string;
  /** A file with the certificates of those who may have signed a server's, PEM. */
  readonly ca: string;
}

/** The port that IANA has given to KMIP. */
const PORT = 5696;
const QUERY = ['cert', 'key', 'ca'] as const;
const FORM = 'kmip://HOST[,HOST]/ID?cert=SOURCE&key=SOURCE&ca=FILE';

/** What stands behind `kmip:`, taken apart. Throws BAD_ARGUMENT. */
export function parseKmipUri(rest: string, title: string): KmipUri {
  const [, hosts, id, query] = /^\/\/([^/?]+)\/([^/?]+)(?:\?([^?]*))?$/.exec(rest) ?? [];
  if (hosts === undefined || id === undefined) throw wrong(title, `expected ${FORM}`);
  const values = new Map<string, string>();
  for (const part of (query ?? '').split('&').filter((text) => text !== '')) {
    const at = part.indexOf('=');
    const name = part.slice(0, Math.max(at, 0));
    if (!(QUERY as readonly string[]).includes(name) || values.has(name)) {
      throw wrong(title, `expected ${orList(QUERY)} in its query, each once`);
    }
    values.set(name, decoded(part.slice(at + 1), title));
  }
  const [cert, key, ca] = QUERY.map((name) => values.get(name));
  if (!cert || !key || !ca)
    throw wrong(title, 'needs cert=, key= and ca=: client and server show each other who they are');
  return {hosts: hosts.split(',').map((text) => hostOf(text, title)), id: decoded(id, title), cert, key, ca};
}

/** How messages call it. */
export function hostText({host, port}: Host): string {
  const text = host.includes(':') ? `[${host}]` : host;
  return port === PORT ? text : `${text}:${port}`;
}

function hostOf(text: string, title: string): Host {
  const [, six, name, digits] = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::(\d{1,5}))?$/i.exec(text) ?? [];
  const port = digits === undefined ? PORT : Number(digits);
  const host = six ?? name;
  if (host === undefined || port === 0 || port > 65_535) throw wrong(title, 'has a host that is none');
  return {host, port};
}

/** RFC 3986 section 2.1. */
function decoded(text: string, title: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw wrong(title, 'has a % that no two hex digits follow');
  }
}

function wrong(title: string, what: string): DekError<'BAD_ARGUMENT'> {
  return new DekError('BAD_ARGUMENT', `"${title}" kmip: ${what}`, {hint: FORM});
}
