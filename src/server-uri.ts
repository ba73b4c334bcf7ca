/** What people write for servers that do one thing together: `SCHEME://HOST[:PORT][,HOST...]/PATH?NAME=VALUE&...`. */
import {DekError} from './errors.js';
import {attributesIn, decoded, type Wrong} from './uri-attributes.js';

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
  /** Its parts, without the slashes; none is empty, and one may have a slash that was written as %2F. */
  readonly path: readonly string[];
  readonly values: ReadonlyMap<string, string>;
}

/** What stands behind `SCHEME:`. Throws BAD_ARGUMENT; `title` is what messages call it. */
export function parseServerUri(rest: string, uri: UriForm, title: string): ServerUri {
  const wrong: Wrong = (what) => wrongUri(uri, title, what);
  const [, hosts, path, query = ''] = /^\/\/([^/?]+)\/([^/?]+(?:\/[^/?]+)*)(?:\?([^?]*))?$/.exec(rest) ?? [];
  if (hosts === undefined || path === undefined) throw wrong(`expected ${uri.form}`);
  const attributes = attributesIn(query, '&', uri.query, wrong);
  return {
    hosts: hosts.split(',').map((text) => hostOf(text, uri.port, wrong)),
    path: path.split('/').map((part) => decoded(part, wrong)),
    values: new Map([...attributes].map(([name, text]) => [name, decoded(text, wrong)])),
  };
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

function hostOf(text: string, usualPort: number, wrong: Wrong): Host {
  const [, six, name, digits] = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::(\d{1,5}))?$/i.exec(text) ?? [];
  const port = digits === undefined ? usualPort : Number(digits);
  const host = six ?? name;
  if (host === undefined || port === 0 || port > 65_535) throw wrong('has a host that is none');
  return {host, port};
}
