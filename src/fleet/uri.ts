/** What people write for a fleet: `etcd://HOST[:PORT][,HOST...]/PREFIX?cert=SOURCE&key=SOURCE&ca=FILE`. */
import {type Host, hostText, parseServerUri, type UriForm, wrongUri} from '../server-uri.js';

/** A fleet: the members of its etcd, its part of the keys, and who we are there. */
export interface FleetUri {
  /** In the order in which they are tried. */
  readonly hosts: readonly Host[];
  /** What every key of the fleet begins with, `/dek/`: a slash at both ends. */
  readonly prefix: string;
  /** A file with the certificates of those who may have signed a member's, PEM. */
  readonly ca: string;
  /** Sources of our certificate and its private key, PEM; both or none. */
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** Who we are where the certificate's common name does not say; both or none. */
  readonly user: string | undefined;
  readonly password: string | undefined;
}

/** How messages write it. */
export const FLEET_FORM = 'etcd://HOST[:PORT][,HOST...]/PREFIX?cert=SOURCE&key=SOURCE&ca=FILE';
/** How help does, in lines of 80 columns. */
export const FLEET_SHORT = 'etcd://HOST,.../PREFIX?...';

/** The port is that which IANA has given to etcd's clients. */
const FORM: UriForm = {
  scheme: 'etcd',
  form: FLEET_FORM,
  port: 2379,
  query: ['cert', 'key', 'ca', 'user', 'password'],
};
/** Below etcd's limits, and without what roles and shells would read otherwise. */
const PREFIX = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$/;

/** Whether `text` is meant to be one. */
export function isFleetUri(text: string): boolean {
  return text.startsWith(`${FORM.scheme}:`);
}

/** Throws BAD_ARGUMENT; `title` is what messages call it. */
export function parseFleetUri(text: string, title: string): FleetUri {
  const rest = isFleetUri(text) ? text.slice(FORM.scheme.length + 1) : '';
  const {hosts, path, values} = parseServerUri(rest, FORM, title);
  const prefix = path.join('/');
  if (!PREFIX.test(prefix)) throw wrongUri(FORM, title, 'the prefix may have letters, digits and ._-/');
  const [cert, key, ca, user, password] = FORM.query.map((name) => values.get(name));
  if (!ca) throw wrongUri(FORM, title, 'needs ca=: the members show who they are');
  if ((cert === undefined) !== (key === undefined)) throw wrongUri(FORM, title, 'needs cert= and key= together');
  if ((user === undefined) !== (password === undefined)) {
    throw wrongUri(FORM, title, 'needs user= and password= together');
  }
  if (!cert && !user) throw wrongUri(FORM, title, 'needs cert= and key=, or user= and password=, to say who we are');
  return {hosts, prefix: `/${prefix}/`, ca, cert, key, user, password};
}

/** How messages call a member. */
export function memberText(host: Host): string {
  return hostText(host, FORM.port);
}
