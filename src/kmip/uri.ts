/** What people write for a key at KMIP servers: `kmip://HOST[:PORT][,HOST...]/ID?cert=SOURCE&key=SOURCE&ca=FILE`. */
import {type Host, parseServerUri, hostText as textOf, type UriForm, wrongUri} from '../server-uri.js';

export type {Host} from '../server-uri.js';

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

/** The port is that which IANA has given to KMIP. */
const FORM: UriForm = {
  scheme: 'kmip',
  form: 'kmip://HOST[,HOST]/ID?cert=SOURCE&key=SOURCE&ca=FILE',
  port: 5696,
  query: ['cert', 'key', 'ca'],
};

/** What stands behind `kmip:`, taken apart. Throws BAD_ARGUMENT. */
export function parseKmipUri(rest: string, title: string): KmipUri {
  const {hosts, path, values} = parseServerUri(rest, FORM, title);
  const [id, ...more] = path;
  if (id === undefined || more.length > 0) throw wrongUri(FORM, title, `expected ${FORM.form}`);
  const [cert, key, ca] = FORM.query.map((name) => values.get(name));
  if (!cert || !key || !ca)
    throw wrongUri(FORM, title, 'needs cert=, key= and ca=: client and server show each other who they are');
  return {hosts, id, cert, key, ca};
}

/** How messages call it. */
export function hostText(host: Host): string {
  return textOf(host, FORM.port);
}
