/**
 * Where what is in the store. HOST is the name of a host, all digests are SHA-256 in hex:
 *
 *     PREFIX/blobs/DIGEST              a piece of a manifest, or a list of such, under its own digest
 *     PREFIX/hosts/HOST                what the host is to hold: a small pointer
 *     PREFIX/kept/HOST/0000000007      the pointer of an earlier generation
 *     PREFIX/status/HOST               what the host reports, under a lease: gone when the host is
 *     PREFIX/names/0a3                 which DCV each name has: a part of all names, by their hash
 *     PREFIX/rollout                   the rollout that is open, or that was the last
 *     PREFIX/operator                  who changes the fleet now, under a lease
 *
 * A host reads blobs/ and hosts/HOST, and reads and writes status/HOST: nothing else.
 */

/** The keys of a fleet with this prefix, which has a slash at both ends. */
export class FleetKeys {
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  get blobs(): string {
    return `${this.#prefix}blobs/`;
  }

  blob(digest: string): string {
    return `${this.blobs}${digest}`;
  }

  /** Before the names of hosts, in what they are to hold. */
  get hosts(): string {
    return `${this.#prefix}hosts/`;
  }

  wanted(host: string): string {
    return `${this.hosts}${host}`;
  }

  /** Before what is kept of all hosts: the name of the host and a slash follow. */
  get kept(): string {
    return `${this.#prefix}kept/`;
  }

  /** Whose such a key is. */
  hostOfKept(key: string): string {
    return key.slice(this.kept.length).split('/')[0]!;
  }

  keptAt(host: string, generation: number): string {
    return `${this.kept}${host}/${String(generation).padStart(10, '0')}`;
  }

  get statuses(): string {
    return `${this.#prefix}status/`;
  }

  status(host: string): string {
    return `${this.statuses}${host}`;
  }

  get namesPrefix(): string {
    return `${this.#prefix}names/`;
  }

  /** Of part `part`, 0 to 1023. */
  names(part: number): string {
    return `${this.namesPrefix}${part.toString(16).padStart(3, '0')}`;
  }

  get rollout(): string {
    return `${this.#prefix}rollout`;
  }

  get operator(): string {
    return `${this.#prefix}operator`;
  }

  /** All of it, and the prefix itself. */
  get all(): string {
    return this.#prefix;
  }
}
