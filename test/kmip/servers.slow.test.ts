/** The client against Debian's PyKMIP, and against servers that lie, hang, leave, or are not who they should be. */
import {randomBytes} from 'node:crypto';
import {expect} from 'chai';
import {DekError} from '../../src/errors.js';
import type {Version} from '../../src/kmip/attributes.js';
import type {Client} from '../../src/kmip/client.js';
import {assertKek, chooseKeys, fetchKey, makeKey} from '../../src/kmip/keys.js';
import {Servers} from '../../src/kmip/servers.js';
import {OPERATION, TAG} from '../../src/kmip/tags.js';
import {byteString, decode, encode, enumeration, type Item, integer, structure, text} from '../../src/kmip/ttlv.js';
import {wrapKey} from '../../src/wrap/kw.js';
import {type Answer, AnsweringServer, Certificates, freePort, PyKmip} from '../support/keys/kmip.js';

/** Of servers that hang, and of others, which may be short of processor time. */
const TIMEOUT_MS = {ofOneThatHangs: 2000, ofOthers: 20_000};
const HOST = '127.0.0.1';

describe('KMIP', () => {
  const kek = randomBytes(32);
  let certificates: Certificates;
  before(() => {
    certificates = new Certificates();
  });
  after(() => certificates.remove());

  function servers(
    ports: number[],
    {
      client = 'client',
      ca = 'ca',
      host = HOST,
      versions,
      timeoutMs = TIMEOUT_MS.ofOthers,
    }: {client?: string; ca?: string; host?: string; versions?: Version[]; timeoutMs?: number} = {},
  ): Servers {
    const hosts = ports.map((port) => ({host, port}));
    return new Servers(hosts, certificates.credentials(client, ca), timeoutMs, versions);
  }

  /** The code and the message of what `work` throws, with numbers of ports left out. */
  async function refusal(work: Promise<unknown>): Promise<string> {
    try {
      await work;
    } catch (error) {
      if (!(error instanceof DekError)) throw error;
      return `${error.code}: ${error.message.replaceAll(/:\d{4,5}\b/g, ':PORT')}`;
    }
    return expect.fail('it did not throw');
  }

  describe('PyKMIP', () => {
    const deks = [32, 40, 64, 72].map((length) => randomBytes(length));
    let server: PyKmip;
    let ids: string[];

    before(async () => {
      server = await PyKmip.start(certificates);
      const keks = [
        {names: ['kek'], value: kek, masks: ['WRAP_KEY'], active: true},
        {names: ['not-active'], value: kek, masks: ['WRAP_KEY']},
        {names: ['revoked'], value: kek, masks: ['WRAP_KEY'], revoked: true},
        {names: ['no-wrap'], value: kek, active: true},
        {names: ['of-192'], value: randomBytes(24), masks: ['WRAP_KEY'], active: true},
      ] as const;
      ids = server.register([
        ...keks.map((key) => ({...key, names: [...key.names], masks: 'masks' in key ? [...key.masks] : []})),
        ...deks.map((value, i) => ({names: [`vol-${i}`], value})),
        {names: ['secret'], value: randomBytes(64), secret: true},
        {names: ['of-128'], value: randomBytes(16)},
        {names: ['retired'], value: kek, masks: ['WRAP_KEY'], retired: true},
      ]);
    });
    after(() => server.kill());

    for (const [version, versions] of [
      ['1.2', [{major: 1, minor: 2}]],
      ['1.3', [{major: 1, minor: 3}]],
      ['1.4', undefined],
      ['2.0', [{major: 2, minor: 0}]],
    ] as const) {
      it(`gives keys of all layouts wrapped by RFC 3394, in ${version}`, async () => {
        const all = servers([server.port], versions === undefined ? {} : {versions: [...versions]});
        await all.use(async (client) => {
          expect(await assertKek(client, ids[0]!)).to.equal(32);
          const keys = await chooseKeys(client, ids[0]!, {isWanted: (name) => name.startsWith('vol-')});
          expect(keys.map(({name, bits}) => [name, bits])).to.deep.equal(
            deks.map(({length}, i) => [`vol-${i}`, 8 * length]),
          );
          for (const [i, key] of keys.entries()) {
            const {wrapped} = await fetchKey(client, ids[0]!, key);
            expect(Buffer.compare(wrapped, wrapKey(kek, deks[i]!))).to.equal(0);
          }
        });
      });
    }

    it('speaks no 2.1, which is said', async () => {
      const work = servers([server.port], {versions: [{major: 2, minor: 1}]}).use(async () => {});
      expect(await refusal(work)).to.match(
        /^UNSUPPORTED: the KMIP server .* speaks no version of KMIP that dek speaks: 2.1$/,
      );
    });

    for (const bytes of [32, 64]) {
      it(`makes keys of ${bytes} bytes, and gives them wrapped`, async () => {
        const name = `made-${bytes}`;
        const {wrapped, id} = await servers([server.port]).use(async (client) => {
          const wrapped = await makeKey(client, ids[0]!, bytes, name);
          const [made] = await chooseKeys(client, ids[0]!, {isWanted: (text) => text === name});
          return {wrapped, id: made!.id};
        });
        const [value] = server.values([id]);
        expect(value!.length).to.equal(bytes);
        expect(Buffer.compare(wrapped, wrapKey(kek, value!))).to.equal(0);
      });
    }

    it('gives the keys of a group', async () => {
      await servers([server.port]).use(async (client) => {
        for (const name of ['g-2', 'g-1']) {
          await client.create([
            ['name', name],
            ['objectGroup', 'node-1'],
            ['algorithm', 3],
            ['length', 256],
            ['usageMask', 12],
          ]);
        }
        const keys = await chooseKeys(client, ids[0]!, {group: 'node-1', isWanted: () => true});
        expect(keys.map(({name}) => name)).to.deep.equal(['g-1', 'g-2']);
      });
    });

    for (const [i, message] of [
      [1, /^BAD_INPUT: the KMIP server .* has a key \d+ that is not active yet$/],
      [2, /^BAD_INPUT: the KMIP server .* has a key \d+ that was revoked as compromised$/],
      [11, /^BAD_INPUT: the KMIP server .* has a key \d+ that was revoked, or has expired$/],
      [3, /^BAD_INPUT: the KMIP server .* has a key \d+ that may not wrap$/],
      [4, /^BAD_INPUT: the KMIP server .* has a key \d+ that has 192 bits, expected 128 or 256$/],
      [9, /^BAD_INPUT: the KMIP server .* has a key \d+ that is no AES key$/],
    ] as const) {
      it(`has a key that is no KEK: ${message.source.split('that ')[1]}`, async () => {
        expect(await refusal(servers([server.port]).use((client) => assertKek(client, ids[i]!)))).to.match(message);
      });
    }

    it('has no such KEK', async () => {
      expect(await refusal(servers([server.port]).use((client) => assertKek(client, '4711')))).to.match(
        /^NO_INPUT: the KMIP server 127.0.0.1:PORT refused: Could not locate object: 4711 \(Item Not Found\)$/,
      );
    });

    it('has a key that is no DEK', async () => {
      const work = servers([server.port]).use(async (client) => {
        const [key] = await chooseKeys(client, ids[0]!, {isWanted: (text) => text === 'of-128'});
        return fetchKey(client, ids[0]!, key!);
      });
      expect(await refusal(work)).to.match(/has a key "of-128" of 128 bits: it is no DEK$/);
    });

    it('keeps its keys when it is killed and started again', async () => {
      await server.kill();
      expect(await refusal(servers([server.port]).use(async () => {}))).to.equal(
        'IO: no KMIP server could be used: 127.0.0.1:PORT: nothing listens there',
      );
      await server.start();
      await servers([server.port]).use((client) => assertKek(client, ids[0]!));
    });

    it('takes over from a server that is not there, and from one that leaves in the middle', async () => {
      let requests = 0;
      const leaving = await AnsweringServer.start(certificates, (request) =>
        ++requests < 3 ? answerOf(request) : 'leave',
      );
      const got = await servers([await freePort(), leaving.port, server.port]).use((client) =>
        readAll(client, ids[0]!, 'vol-0'),
      );
      leaving.close();
      expect(requests).to.equal(3);
      expect(Buffer.compare(got, wrapKey(kek, deks[0]!))).to.equal(0);
    });

    describe('when certificates are wrong', () => {
      const work = (options: {client?: string; ca?: string; host?: string}) =>
        refusal(servers([server.port], options).use(async () => {}));

      it('does not take a client that somebody else signed', async () => {
        expect(await work({client: 'other-client'})).to.match(
          /: (?:it refuses our certificate|it closed the connection)$/,
        );
      });

      it('is not taken when somebody else signed it', async () => {
        expect(await work({ca: 'other-ca'})).to.match(/: its certificate is signed by nobody in ca=$/);
      });
    });
  });

  describe('a server', () => {
    for (const [what, name, message] of [
      ['for another host', 'elsewhere', 'its certificate is for another host'],
      ['that has expired', 'expired', 'its certificate has expired'],
      ['of another authority', 'other-server', 'its certificate is signed by nobody in ca='],
    ] as const) {
      it(`with a certificate ${what} is not used`, async () => {
        const server = await AnsweringServer.start(certificates, answerOf, name);
        const result = await refusal(servers([server.port]).use(async () => {}));
        server.close();
        expect(result).to.equal(`IO: no KMIP server could be used: 127.0.0.1:PORT: ${message}`);
      });
    }

    it('is known by the name of its host as well', async () => {
      const server = await AnsweringServer.start(certificates, answerOf);
      await servers([server.port], {host: 'localhost'}).use(async () => {});
      server.close();
    });

    it('is no host', async () => {
      expect(await refusal(servers([5696], {host: 'no-such-host.invalid'}).use(async () => {}))).to.match(
        /no-such-host.invalid: (?:there is no such host|no name server answers)$/,
      );
    });

    it('does not speak TLS', async () => {
      const {default: net} = await import('node:net');
      const plain = net.createServer((socket) => socket.end('SSH-2.0-x\r\n')).listen(0, HOST);
      await new Promise((resolve) => plain.once('listening', resolve));
      const {port} = plain.address() as {port: number};
      const result = await refusal(servers([port]).use(async () => {}));
      plain.close();
      expect(result).to.match(/^IO: no KMIP server could be used: 127.0.0.1:PORT: (?:TLS with it fails|it closed)/);
    });
  });

  describe('a server that lies about what is in its bytes', () => {
    const right = (request: Buffer) => Buffer.from(answerOf(request) as Uint8Array);
    for (const [what, lie, message] of [
      ['hangs', () => 'nothing', /it gives no answer for 2 s$/],
      ['leaves', () => 'leave', /it closed the connection$/],
      ['ends within its answer', (request) => right(request).subarray(0, -8), /its answer does not end for 2 s$/],
      [
        'says that it is longer than it is',
        (request) => lengthened(right(request), 64),
        /its answer does not end for 2 s$/,
      ],
      ['says that it has 4 GiB', (request) => lengthened(right(request), 2 ** 32 - 1000), /longer than any should be$/],
      ['says more', (request) => Buffer.concat([right(request), Buffer.alloc(16)]), /it says more than it was asked$/],
      ['does not speak KMIP', () => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), /it does not speak KMIP$/],
      [
        'lies about a length inside',
        (request) => {
          const bytes = right(request);
          bytes.writeUInt32BE(0x7fffffff, 12);
          return bytes;
        },
        /^BAD_INPUT: the KMIP server .* answered what is not TTLV: a length is longer than what there is$/,
      ],
      [
        'sends noise',
        (request) => Buffer.concat([right(request).subarray(0, 8), randomBytes(right(request).length - 8)]),
        /answered what is not TTLV/,
      ],
    ] as readonly (readonly [string, (request: Buffer) => Answer, RegExp])[]) {
      it(`${what}: one clear error`, async () => {
        const server = await AnsweringServer.start(certificates, (request) =>
          operationOf(request) === OPERATION.get ? lie(request) : answerOf(request),
        );
        const hangs = message.source.includes(' for 2 s');
        const options = hangs ? {timeoutMs: TIMEOUT_MS.ofOneThatHangs} : {};
        const result = await refusal(servers([server.port], options).use((client) => readAll(client, KEK_ID, 'vol-1')));
        server.close();
        expect(result).to.match(message);
      });
    }
  });

  describe('a server that lies about what it did', () => {
    for (const [what, lie, message] of [
      ['gives another object', {id: '99'}, /answered something else: it is about another object$/],
      ['gives it in the clear', {wrapping: null}, /a key in the clear, which dek does not take$/],
      ['wraps with another key', {kekId: 'other'}, /a key that is wrapped by another key$/],
      ['wraps in another mode', {mode: 1}, /wrapped otherwise than by RFC 3394$/],
      ['wraps by a MAC', {method: 2}, /wrapped otherwise than by RFC 3394$/],
      ['encodes it first', {encoding: 2}, /a key that was encoded before it was wrapped$/],
      ['says nothing of an encoding', {encoding: undefined}, /a key that was encoded before it was wrapped$/],
      ['gives another format', {format: 7}, /a key that is not raw$/],
      ['gives a public key', {objectType: 3}, /answered something else: no key$/],
      ['gives a key of another length', {material: Buffer.alloc(72)}, /72 bytes for a key of 256 bits$/],
      ['gives a key of a length that no DEK has', {material: Buffer.alloc(56)}, /of 384 bits: it is no DEK$/],
      ['gives two answers', {twice: true}, /not one answer to one request$/],
      ['answers another operation', {operation: OPERATION.create}, /the answer to another operation$/],
      ['says that it failed', {status: 1}, /^REFUSED: the KMIP server .* refused: it says no more \(reason 0x0\)$/],
    ] as readonly (readonly [string, Lie, RegExp])[]) {
      it(`${what}: one clear error`, async () => {
        const server = await AnsweringServer.start(certificates, (request) => answerOf(request, lie));
        const result = await refusal(servers([server.port]).use((client) => readAll(client, KEK_ID, 'vol-1')));
        server.close();
        expect(result).to.match(message);
      });
    }

    it('finds an item twice', async () => {
      const ids = Array.from({length: 500}, (_, i) => `${i}`);
      const server = await AnsweringServer.start(certificates, (request) => answerOf(request, {ids}));
      const result = await refusal(servers([server.port]).use((client) => client.locate([])));
      server.close();
      expect(result).to.match(/answered something else: an item twice$/);
    });

    it('has a key with several names that are asked for', async () => {
      const server = await AnsweringServer.start(certificates, (request) => answerOf(request, {names: ['a', 'b']}));
      const choice = {isWanted: () => true};
      const result = await refusal(servers([server.port]).use((client) => chooseKeys(client, KEK_ID, choice)));
      server.close();
      expect(result).to.match(/has a key 2 with several names that are asked for: a, b$/);
    });

    it('gives, when it does not lie, what was asked for', async () => {
      const server = await AnsweringServer.start(certificates, (request) => answerOf(request));
      const got = await servers([server.port]).use((client) => readAll(client, KEK_ID, 'vol-1'));
      server.close();
      expect(Buffer.from(got).equals(Buffer.alloc(40, 1))).to.equal(true);
    });

    it('makes keys of 256 bits only, which is said; and leaves no key that it does not give', async () => {
      const asked: number[] = [];
      const server = await AnsweringServer.start(certificates, (request) => {
        asked.push(operationOf(request));
        const isLong = request.includes(Buffer.from(encode(integer(TAG.attributeValue, 512))));
        if (operationOf(request) === OPERATION.create && isLong) return answerOf(request, {status: 1, reason: 7});
        return answerOf(request, operationOf(request) === OPERATION.get ? {wrapping: null} : {});
      });
      const make = (bytes: number) => refusal(servers([server.port]).use((client) => makeKey(client, KEK_ID, bytes)));
      expect(await make(64)).to.match(/^REFUSED: .* makes no key of 512 bits, which a 256-bit DEK has: it refused: /);
      expect(await make(32)).to.match(/a key in the clear/);
      server.close();
      expect(asked.at(-1)).to.equal(OPERATION.destroy);
    });
  });
});

const KEK_ID = '1';

/** The wrapped bytes of the key with this name, as a command gets them. */
async function readAll(client: Client, kekId: string, name: string): Promise<Uint8Array> {
  const [key] = await chooseKeys(client, kekId, {isWanted: (text) => text === name});
  if (key === undefined) throw new Error(`there is no ${name}`);
  return (await fetchKey(client, kekId, key)).wrapped;
}

/** What the server below says that is not so. */
interface Lie {
  id?: string;
  wrapping?: null;
  kekId?: string;
  mode?: number;
  method?: number;
  encoding?: number | undefined;
  format?: number;
  objectType?: number;
  material?: Uint8Array;
  twice?: boolean;
  operation?: number;
  status?: number;
  reason?: number;
  ids?: string[];
  names?: string[];
}

function operationOf(request: Buffer): number {
  const {value} = decode(request);
  const [, item] = value as Item[];
  return (item!.value as Item[])[0]!.value as number;
}

/** A server with the keys 1 (a KEK) and 2, "vol-1", of 256 bits; its answer to a request, with a lie in it. */
function answerOf(request: Buffer, lie: Lie = {}): Uint8Array {
  const operation = operationOf(request);
  const asked = parseIds(request);
  const isGet = operation === OPERATION.get;
  const {status = 0, reason} = isGet || operation === OPERATION.create ? lie : {};
  const failed = reason === undefined ? [] : [enumeration(TAG.resultReason, reason)];
  const item = structure(
    TAG.batchItem,
    enumeration(TAG.operation, isGet ? (lie.operation ?? operation) : operation),
    enumeration(TAG.resultStatus, status),
    ...failed,
    ...(status === 0 ? [structure(TAG.responsePayload, ...payloadOf(operation, asked, lie))] : []),
  );
  const header = structure(TAG.responseHeader, integer(TAG.batchCount, 1));
  return encode(structure(TAG.responseMessage, header, item, ...(lie.twice && isGet ? [item] : [])));
}

function parseIds(request: Buffer): string {
  const [, item] = decode(request).value as Item[];
  const payload = (item!.value as Item[])[1]!.value as Item[];
  return (payload.find(({tag}) => tag === TAG.uniqueIdentifier)?.value as string | undefined) ?? '';
}

function payloadOf(operation: number, id: string, lie: Lie): Item[] {
  if (operation === OPERATION.discoverVersions) {
    return [structure(TAG.protocolVersion, integer(TAG.protocolVersionMajor, 1), integer(TAG.protocolVersionMinor, 4))];
  }
  if (operation === OPERATION.locate) return (lie.ids ?? ['1', '2']).map((id) => text(TAG.uniqueIdentifier, id));
  if (operation === OPERATION.create) return [text(TAG.uniqueIdentifier, '2')];
  if (operation === OPERATION.getAttributes) {
    const {names = [id === '2' ? 'vol-1' : 'kek']} = lie;
    const nameOf = (name: string) =>
      structure(TAG.attributeValue, text(TAG.nameValue, name), enumeration(TAG.nameType, 1));
    return [
      text(TAG.uniqueIdentifier, id),
      ...names.map((name) => structure(TAG.attribute, text(TAG.attributeName, 'Name'), nameOf(name))),
      structure(TAG.attribute, text(TAG.attributeName, 'Cryptographic Length'), integer(TAG.attributeValue, 256)),
    ];
  }
  if (operation === OPERATION.destroy) return [text(TAG.uniqueIdentifier, id)];
  const {kekId = KEK_ID, mode = 13, method = 1, format = 1, objectType = 2, material = Buffer.alloc(40, 1)} = lie;
  const encoding = 'encoding' in lie ? lie.encoding : 1;
  const wrapping = structure(
    TAG.keyWrappingData,
    enumeration(TAG.wrappingMethod, method),
    structure(
      TAG.encryptionKeyInformation,
      text(TAG.uniqueIdentifier, kekId),
      structure(TAG.cryptographicParameters, enumeration(TAG.blockCipherMode, mode)),
    ),
    ...(encoding === undefined ? [] : [enumeration(TAG.encodingOption, encoding)]),
  );
  const block = structure(
    TAG.keyBlock,
    enumeration(TAG.keyFormatType, format),
    structure(TAG.keyValue, byteString(TAG.keyMaterial, material)),
    ...(lie.wrapping === null ? [] : [wrapping]),
  );
  return [
    enumeration(TAG.objectType, objectType),
    text(TAG.uniqueIdentifier, lie.id ?? id),
    structure(TAG.symmetricKey, block),
  ];
}

/** A message whose length says so many bytes more. */
function lengthened(bytes: Buffer, more: number): Buffer {
  bytes.writeUInt32BE((bytes.readUInt32BE(4) + more) % 2 ** 32, 4);
  return bytes;
}
