/** What people write for servers that do one thing together: `SCHEME://HOST[:PORT][,HOST...]/PATH?NAME=VALUE&...`. */
import {orList} from './bytes.js';
import {DekError} from './errors.js';

export interface Host {
  readonly host: string;
  readonly port: number;
}

/** A kind of URI. */
export interface UriForm {
  readonly scheme: string;
  /** How hints write it. */
  readonly form: string;
  /** Where the server listens when nothing is said. */
  readonly port: number;
  /** The names that may stand in the query. */
  readonly query: readonly string[];
}

/** A whole URI, taken apart. */
export interface ServerUri {
  /** In the order in which they are tried. */
  readonly hosts: readonly Host[];
  /** Without the slash before it; its parts are not empty. */
  readonly path: string;
  readonly values: ReadonlyMap<string, string>;
}

/** What stands behind `SCHEME:`. Throws BAD_ARGUMENT; `title` is what messages call it. */
export function parseServerUri(rest: string, uri: UriForm, title: string): ServerUri {
  const [, hosts, path, query] = /^\/\/([^/?]+)\/([^/?]+(?:\/[^/?]+)*)(?:\?([^?]*))?$/.exec(rest) ?? [];
  if (hosts === undefined || path === undefined) throw wrongUri(uri, title, `expected ${uri.form}`);
  const values = new Map<string, string>();
  for (const part of (query ?? '').split('&').filter((text) => text !== '')) {
    const at = part.indexOf('=');
    const name = part.slice(0, Math.max(at, 0));
    if (!uri.query.includes(name) || values.has(name)) {
      throw wrongUri(uri, title, `expected ${orList(uri.query)} in its query, each once`);
    }
    values.set(name, decoded(part.slice(at + 1), uri, title));
  }
  return {hosts: hosts.split(',').map((text) => hostOf(text, uri, title)), path: decoded(path, uri, title), values};
}

/** How messages call a host; the port is left out where it is this one. */
export function hostText({host, port}: Host, usualPort: number): string {
  const text = host.includes(':') ? `[${host}]` : host;
  return port === usualPort ? text : `${text}:${port}`;
}

/** BAD_ARGUMENT that says what is wrong with a URI. */
export function wrongUri({scheme, form}: UriForm, title: string, what: string): DekError<'BAD_ARGUMENT'> {
  return new DekError('BAD_ARGUMENT', `"${title}" ${scheme}: ${what}`, {hint: form});
}

function hostOf(text: string, uri: UriForm, title: string): Host {
  const [, six, name, digits] = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::(\d{1,5}))?$/i.exec(text) ?? [];
  const port = digits === undefined ? uri.port : Number(digits);
  const host = six ?? name;
  if (host === undefined || port === 0 || port > 65_535) throw wrongUri(uri, title, 'has a host that is none');
  return {host, port};
}

/** RFC 3986 section 2.1. */
function decoded(text: string, uri: UriForm, title: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw wrongUri(uri, title, 'has a % that no two hex digits follow');
  }
}
