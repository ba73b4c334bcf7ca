/** The operations of a KMIP server that are used here. What it answers is checked against what it was asked. */
import {orList} from '../bytes.js';
import {DekError} from '../errors.js';
import {
  askItems,
  type ObjectAttributes,
  parseAttributes,
  queryItems,
  templateItems,
  type Version,
  type Wanted,
} from './attributes.js';
import type {Connection} from './connection.js';
import {formatRequest, numberIn, other, parseResponse, textIn, versionItem} from './message.js';
import {type AttributeName, OBJECT_TYPE, OPERATION, TAG} from './tags.js';
import {enumeration, type Item, integer, text} from './ttlv.js';
import {specificationItem, wrappedKeyIn} from './wrapped-key.js';

/** The first is preferred. No server that speaks 2.1 was at hand; what it says of these operations is as in 2.0. */
const VERSIONS: readonly Version[] = [
  {major: 1, minor: 4},
  {major: 1, minor: 3},
  {major: 1, minor: 2},
  {major: 2, minor: 1},
  {major: 2, minor: 0},
];
/** What every server that has Discover Versions speaks. */
const FIRST_VERSION: Version = {major: 1, minor: 2};
const PAGE_ITEMS = 500;
const MAX_LOCATED = 1_000_000;

export class Client {
  readonly #connection: Connection;
  readonly #version: Version;

  private constructor(connection: Connection, version: Version) {
    this.#connection = connection;
    this.#version = version;
  }

  /** Agrees with the server on a version. Throws UNSUPPORTED when there is none. */
  static async of(connection: Connection, known: readonly Version[] = VERSIONS): Promise<Client> {
    const first = new Client(connection, FIRST_VERSION);
    const answer = await first.#request(OPERATION.discoverVersions, known.map(versionItem));
    const theirs = answer.map(({tag, value}) => (tag === TAG.protocolVersion && Array.isArray(value) ? value : []));
    const version = known.find(({major, minor}) =>
      theirs.some(
        (items: readonly Item[]) =>
          numberIn(items, TAG.protocolVersionMajor) === major && numberIn(items, TAG.protocolVersionMinor) === minor,
      ),
    );
    if (version) return new Client(connection, version);
    const ours = known.map(({major, minor}) => `${major}.${minor}`);
    throw new DekError('UNSUPPORTED', `speaks no version of KMIP that dek speaks: ${orList(ours)}`);
  }

  /** The unique identifiers of all objects with these attributes. */
  async locate(wanted: Wanted): Promise<string[]> {
    const ids = new Set<string>();
    for (;;) {
      const payload = await this.#request(OPERATION.locate, [
        integer(TAG.maximumItems, PAGE_ITEMS),
        // Servers before 1.3 do not know it: they give one page, and it is the last.
        ...(ids.size === 0 ? [] : [integer(TAG.offsetItems, ids.size)]),
        ...queryItems(wanted, this.#version),
      ]);
      const page = payload.flatMap(({tag, value}) =>
        tag === TAG.uniqueIdentifier && typeof value === 'string' ? value : [],
      );
      if (page.length > PAGE_ITEMS) throw other('more items than it was asked for');
      const before = ids.size;
      for (const id of page) ids.add(id);
      if (ids.size < before + page.length) throw other('an item twice');
      if (page.length < PAGE_ITEMS) return [...ids];
      if (ids.size > MAX_LOCATED) throw other(`more than ${MAX_LOCATED} items`);
    }
  }

  async attributes(id: string, names: readonly AttributeName[]): Promise<ObjectAttributes> {
    const payload = await this.#request(OPERATION.getAttributes, [
      text(TAG.uniqueIdentifier, id),
      ...askItems(names, this.#version),
    ]);
    assertId(payload, id);
    return parseAttributes(payload);
  }

  /** The key `id` as the server has wrapped it under its key `kekId`, by RFC 3394. */
  async getWrapped(id: string, kekId: string): Promise<Uint8Array> {
    const payload = await this.#request(OPERATION.get, [text(TAG.uniqueIdentifier, id), specificationItem(kekId)]);
    assertId(payload, id);
    return wrappedKeyIn(payload, kekId);
  }

  /** Makes a random symmetric key there; returns its unique identifier. */
  async create(wanted: Wanted): Promise<string> {
    const payload = await this.#request(OPERATION.create, [
      enumeration(TAG.objectType, OBJECT_TYPE.symmetricKey),
      ...templateItems(wanted, this.#version),
    ]);
    const id = textIn(payload, TAG.uniqueIdentifier);
    if (id === undefined) throw other('a key without an identifier');
    return id;
  }

  async destroy(id: string): Promise<void> {
    assertId(await this.#request(OPERATION.destroy, [text(TAG.uniqueIdentifier, id)]), id);
  }

  async #request(operation: number, payload: readonly Item[]): Promise<readonly Item[]> {
    return parseResponse(await this.#connection.request(formatRequest(this.#version, operation, payload)), operation);
  }
}

function assertId(payload: readonly Item[], id: string): void {
  const ids = payload.filter(({tag}) => tag === TAG.uniqueIdentifier);
  if (ids.length !== 1 || textIn(payload, TAG.uniqueIdentifier) !== id) throw other('it is about another object');
}
