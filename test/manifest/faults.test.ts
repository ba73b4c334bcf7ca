/** Every fault of a manifest that we know of, and what is said of it; the schema judges alike where it can. */
import fs from 'node:fs';
import {createRequire} from 'node:module';
import {expect} from 'chai';
import {
  base64,
  dekLine,
  headerLine,
  headerLine2,
  NEXT_LOGIN,
  readAll,
  text,
} from '../support/manifest/manifest-text.js';
import {thrownBy} from '../support/process/errors-thrown.js';

type Validate = (data: unknown) => boolean;
// Fastify's own Ajv: what it takes for a schema, we do.
const {default: Ajv} = createRequire(createRequire(import.meta.url).resolve('fastify'))('ajv');
const schema = JSON.parse(
  fs.readFileSync(new URL('../../../schema/dek-manifest.schema.json', import.meta.url), 'utf8'),
);
const isValid: Validate = new Ajv({strictTypes: false}).compile(schema);

const good = dekLine(1);
const NAME = 'name: expected 1 to 128 letters, digits and . _ : @ + -, a letter or a digit first';
const PLAIN = 'a name, a number or a string is not in its canonical form (no escapes, no 2.56e2)';
const BASE64 = 'wrapped: expected base64 (RFC 4648 section 4) with padding';
const OPAQUE = 'opaque: expected 1 to 8 bytes in hex, in lower case';
const KCV = 'importKekKcv: expected 10 hex digits in lower case';
const ID = 'expected an integer from 0 to 16777215, got';
const VERSION = 'dek-manifest: expected 1 or 2, the version of the format,';
const INSTANT = 'expected an instant as RFC 3339 writes it, such as 2026-11-30T12:00:00Z';
const HOSTS = 'hosts: expected names of hosts: letters, digits and ._-';
const HEX = (digits: number): string => `expected ${digits} hex digits in lower case`;
const DEVICE = 'device: expected names such as mlx5_0, PCI addresses or node GUIDs';

/** What a schema sees of a line, or undefined when it is no JSON. */
function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

describe('faults of a manifest', () => {
  it('are none in what is good', async () => {
    expect((await readAll(text(headerLine(), good))).deks).to.have.length(1);
    expect([isValid(JSON.parse(headerLine())), isValid(JSON.parse(good))]).to.deep.equal([true, true]);
  });

  const headers: [title: string, line: string, message: string, beyondSchema?: boolean][] = [
    ['a DEK first', good, 'expected the header, an object with the member "dek-manifest"', true],
    ['an array', '[]', 'expected a JSON object'],
    ['a string', '"dek-manifest"', 'expected a JSON object'],
    ['null', 'null', 'expected a JSON object'],
    ['a later version', headerLine({'dek-manifest': 3}), `${VERSION} got 3`],
    ['a version as text', headerLine({'dek-manifest': '1'}), `${VERSION} got a string`],
    ['no KCV', headerLine({importKekKcv: undefined}), 'importKekKcv: missing'],
    ['a short KCV', headerLine({importKekKcv: '01234567'}), KCV],
    ['a KCV in capitals', headerLine({importKekKcv: '01234567AB'}), KCV],
    ['a KCV as a number', headerLine({importKekKcv: 1234567890}), KCV],
    ['half a login', headerLine({wrappedCredential: undefined}), 'wrappedCredential: missing'],
    ['a login without its KEK', headerLine({importKekId: undefined}), 'importKekId: missing'],
    ['an id of 25 bits', headerLine({importKekId: 2 ** 24}), `importKekId: ${ID} 16777216`],
    ['a negative id', headerLine({credentialId: -1}), `credentialId: ${ID} -1`],
    ['half an id', headerLine({credentialId: 1.5}), `credentialId: ${ID} 1.5`],
    ['an id as text', headerLine({credentialId: '0x10'}), `credentialId: ${ID} a string`],
    ['an id as null', headerLine({credentialId: null}), `credentialId: ${ID} null`],
    ['a huge id', headerLine({importKekId: 7}).replace('7', '1e999'), `importKekId: ${ID} Infinity`],
    ['a short credential', headerLine({wrappedCredential: base64(40)}), 'wrappedCredential: expected 48 bytes, got 40'],
    [
      'a credential in hex',
      headerLine({wrappedCredential: 'zz'.repeat(48)}),
      'wrappedCredential: expected 48 bytes, got 72',
    ],
    ['no device', headerLine({device: []}), 'device: names no device'],
    ['a device twice', headerLine({device: ['mlx5_0', 'mlx5_0']}), 'device: names a device twice'],
    ['a number for a device', headerLine({device: 0}), DEVICE],
    ['a path for a device', headerLine({device: '/dev/infiniband/uverbs0'}), DEVICE],
    ['an unknown member', headerLine({comment: 'x'}), 'unknown member "comment"'],
    ['a DEK in the header', headerLine({name: 'vol-1'}), 'unknown member "name"'],
    ['a prototype', headerLine().replace('{', '{"__proto__":{"x":1},'), 'unknown member'],
    ['an id twice', headerLine().replace('{', '{"importKekId":31,'), 'importKekId: stands twice', true],
    ['an id in exponent form', headerLine().replace('32', '3.2e1'), PLAIN, true],
    ['what version 2 has', headerLine({generation: 1}), 'unknown member "generation"'],
    ['version 2 without a set', headerLine2({id: undefined}), 'id: missing'],
    ['a short set', headerLine2({id: '00'}), `id: ${HEX(32)}`],
    ['no generation', headerLine2({generation: undefined}), 'generation: missing'],
    ['generation 0', headerLine2({generation: 0}), 'generation: expected an integer from 1 on, got 0'],
    ['half a generation', headerLine2({generation: 1.5}), 'generation: expected an integer from 1 on, got 1.5'],
    ['a generation as text', headerLine2({generation: '1'}), 'generation: expected an integer from 1 on, got a string'],
    ['no instant', headerLine2({issued: undefined}), 'issued: missing'],
    ['a date alone', headerLine2({issued: '2026-11-30'}), `issued: ${INSTANT}`],
    ['a local time', headerLine2({issued: '2026-11-30T12:00:00'}), `issued: ${INSTANT}`],
    ['a day that there is not', headerLine2({notAfter: '2026-02-30T12:00:00Z'}), `notAfter: ${INSTANT}`, true],
    ['a host alone', headerLine2({hosts: 'node-1'}), 'hosts: expected an array of names, got a string'],
    ['no host', headerLine2({hosts: []}), 'hosts: names no host'],
    ['a host twice', headerLine2({hosts: ['a', 'a']}), 'hosts: names a host twice'],
    ['a host with a slash', headerLine2({hosts: ['a/b']}), HOSTS],
    ['half a next login', headerLine2({nextLogin: {importKekId: 1}}), 'nextLogin.credentialId: missing'],
    ['a next login as text', headerLine2({nextLogin: 'x'}), 'nextLogin: expected an object, got a string'],
    ['more in a next login', headerLine2({nextLogin: {comment: 1}}), 'nextLogin: has an unknown member'],
    ['a member twice', headerLine2().replace('{', '{"generation":2,'), 'generation: stands twice', true],
    [
      'a member of the next login twice',
      headerLine2({nextLogin: NEXT_LOGIN}).replace('"nextLogin":{', '"nextLogin":{"importKekId":7,'),
      PLAIN,
      true,
    ],
  ];

  for (const [title, line, message, beyondSchema] of headers) {
    it(`header: ${title}`, async () => {
      const error = await thrownBy(() => readAll(text(line, good)));
      expect([error.code, error.message]).to.deep.equal(['BAD_INPUT', `line 1: ${message}`]);
      expect(isValid(parsed(line))).to.equal(beyondSchema ?? false);
    });
  }

  const bytes = (expected: number, what: string, got: number): string =>
    `wrapped: expected ${expected} bytes for a ${what} keytag, got ${got}`;
  const deks: [title: string, line: string, message: string, beyondSchema?: boolean][] = [
    ['a torn wrapped key', dekLine(2, {wrapped: base64(72)}), bytes(80, '256-bit key with', 72)],
    ['a long wrapped key', dekLine(2, {keytag: false}), bytes(72, '256-bit key without', 80)],
    ['a key of the other size', dekLine(2, {keySize: 128}), bytes(48, '128-bit key with', 80)],
    ['no bytes', dekLine(2, {wrapped: ''}), bytes(80, '256-bit key with', 0)],
    ['hex for base64', dekLine(2, {wrapped: '0'.repeat(159)}), BASE64],
    ['base64url', dekLine(2, {wrapped: Buffer.alloc(80, 255).toString('base64url')}), BASE64],
    ['base64 without padding', dekLine(2, {wrapped: base64(80).replace('=', '')}), BASE64],
    ['bits after the end', dekLine(2, {wrapped: base64(80).replace('k=', 'l=')}), BASE64],
    ['bytes as numbers', dekLine(2, {wrapped: [1, 2]}), 'wrapped: expected base64, got an array'],
    ['wrapped null', dekLine(2, {wrapped: null}), 'wrapped: expected base64, got null'],
    ['no wrapped key', dekLine(2, {wrapped: undefined}), 'wrapped: missing'],
    ['no name', dekLine(2, {name: undefined}), 'name: missing'],
    ['an empty name', dekLine(2, {name: ''}), NAME],
    ['a name with a slash', dekLine(2, {name: '../vol'}), NAME],
    ['a name of 129 letters', dekLine(2, {name: 'x'.repeat(129)}), NAME],
    ['a name with a line feed', dekLine(2, {name: 'vol\n'}), NAME],
    ['a number for a name', dekLine(2, {name: 7}), NAME],
    ['a key size of 192', dekLine(2, {keySize: 192}), 'keySize: expected 128 or 256, got 192'],
    ['a key size as text', dekLine(2, {keySize: '256'}), 'keySize: expected 128 or 256, got a string'],
    ['a key size as an object', dekLine(2, {keySize: {}}), 'keySize: expected 128 or 256, got an object'],
    ['keytag "yes"', dekLine(2, {keytag: 'yes'}), 'keytag: expected true or false, got a string'],
    ['keytag 1', dekLine(2, {keytag: 1}), 'keytag: expected true or false, got 1'],
    ['an opaque of 9 bytes', dekLine(2, {opaque: '00'.repeat(9)}), OPAQUE],
    ['half a byte of opaque', dekLine(2, {opaque: '001'}), OPAQUE],
    ['opaque in text', dekLine(2, {opaque: 'vol-2'}), OPAQUE],
    ['an empty opaque', dekLine(2, {opaque: ''}), OPAQUE],
    ['an unknown member', dekLine(2, {key: 'x'}), 'unknown member "key"'],
    ['an unknown member that might be a secret', dekLine(2, {['0f'.repeat(32)]: 1}), 'unknown member'],
    ['constructor', dekLine(2, {constructor: 1}), 'unknown member "constructor"'],
    ['a member twice', dekLine(2).replace('{', '{"name":"other",'), 'name: stands twice', true],
    ['a member twice, with escapes', dekLine(2).replace('{', '{"\\u006eame":"other",'), PLAIN, true],
    ['an escaped string', dekLine(2).replace('vol', '\\u0076ol'), PLAIN, true],
    ['256 as 2.56e2', dekLine(2).replace('256', '2.56e2'), PLAIN, true],
    ['256.0', dekLine(2).replace('256', '256.0'), PLAIN, true],
    ['NaN', dekLine(2).replace('256', 'NaN'), 'is not JSON'],
    ['a comment', `${dekLine(2)} // ours`, 'is not JSON'],
    ['two objects', `${dekLine(2)}${dekLine(3)}`, 'is not JSON'],
    ['single quotes', "{'name':'vol-1'}", 'is not JSON'],
    ['deep nesting', '['.repeat(2000) + ']'.repeat(2000), 'expected a JSON object'],
    ['deep nesting that does not end', '{"name":'.repeat(500), 'is not JSON'],
    ['nothing', '', 'is empty'],
    ['a space', ' ', 'is not JSON'],
    ['an empty object', '{}', 'name: missing'],
    ['a second header', headerLine(), 'a second header', true],
    ['CRLF', `${dekLine(2)}\r`, 'ends in CRLF', true],
    ['a NUL', dekLine(2).replace('vol', 'v\0l'), 'a NUL byte in column 11: a manifest is ASCII text'],
    ['a byte order mark', `\ufeff${dekLine(2)}`, 'byte 0xef in column 1: a manifest is ASCII text'],
    ['a letter beyond ASCII', dekLine(2, {name: 'völ'}), 'byte 0xc3 in column 11: a manifest is ASCII text'],
    ['a name that stands above', dekLine(2, {name: 'vol-1'}), 'name: stands in line 2 already', true],
    ['a key that stands above', dekLine(1, {name: 'vol-2'}), 'wrapped: stands in line 2 already', true],
    ['4,097 bytes', dekLine(2) + ' '.repeat(4097 - dekLine(2).length), 'is longer than 4096 bytes', true],
    ['a megabyte', 'x'.repeat(1e6), 'is longer than 4096 bytes'],
  ];

  for (const [title, line, message, beyondSchema] of deks) {
    it(`DEK: ${title}`, async () => {
      const error = await thrownBy(() => readAll(text(headerLine(), good, line, dekLine(4))));
      expect([error.code, error.message]).to.deep.equal(['BAD_INPUT', `line 3: ${message}`]);
      expect(isValid(parsed(line))).to.equal(beyondSchema ?? false);
    });
  }

  it('are none in what is good of version 2', async () => {
    const marks = {keytagValue: '00'.repeat(8), dcv: '11'.repeat(16), dcvHints: '22'.repeat(6)};
    const header = headerLine2({
      hosts: ['node-1'],
      notAfter: '2027-01-01T00:00:00.5+01:00',
      importKekKcv: undefined,
      nextLogin: NEXT_LOGIN,
    });
    const lines = [dekLine(1, marks), dekLine(2), dekLine(3, {dcv: marks.dcv})];
    expect((await readAll(text(header, ...lines))).deks).to.have.length(3);
    expect([header, ...lines].map((line) => isValid(JSON.parse(line)))).to.deep.equal([true, true, true, true]);
  });

  const marks: [title: string, line: string, message: string, beyondSchema?: boolean][] = [
    ['a short check value', dekLine(2, {dcv: '00'}), `dcv: ${HEX(32)}`],
    ['a check value in capitals', dekLine(2, {dcv: 'AA'.repeat(16)}), `dcv: ${HEX(32)}`],
    ['a check value as a number', dekLine(2, {dcv: 1}), `dcv: ${HEX(32)}`],
    ['hints alone', dekLine(2, {dcvHints: '00'.repeat(6)}), 'dcvHints: stands without "dcv"'],
    ['long hints', dekLine(2, {dcv: '00'.repeat(16), dcvHints: '00'.repeat(7)}), `dcvHints: ${HEX(12)}`],
    ['a short keytag', dekLine(2, {keytagValue: '00'}), `keytagValue: ${HEX(16)}`],
    [
      'a keytag of a DEK without one',
      dekLine(2, {keytag: false, wrapped: base64(72), keytagValue: '00'.repeat(8)}),
      'keytagValue: the DEK has no keytag',
    ],
  ];
  for (const [title, line, message] of marks) {
    it(`DEK of version 2: ${title}`, async () => {
      const error = await thrownBy(() => readAll(text(headerLine2(), good, line, dekLine(4))));
      expect([error.code, error.message]).to.deep.equal(['BAD_INPUT', `line 3: ${message}`]);
      expect(isValid(parsed(line))).to.equal(false);
    });
  }

  for (const name of ['dcv', 'dcvHints', 'keytagValue']) {
    it(`DEK of version 1: ${name}`, async () => {
      const error = await thrownBy(() => readAll(text(headerLine(), dekLine(1, {[name]: '00'}))));
      expect(error.message).to.equal(`line 2: unknown member "${name}"`);
    });
  }

  const files: [title: string, content: string | Uint8Array, message: string][] = [
    ['an empty file', '', 'the manifest is empty: not even a header is there'],
    ['a line feed alone', '\n', 'line 1: is empty'],
    ['one byte', '{', 'line 1: ends without a line feed'],
    ['a torn header', headerLine(), 'line 1: ends without a line feed'],
    ['a torn last line', text(headerLine(), good).slice(0, -1), 'line 2: ends without a line feed'],
    ['a last line torn in its middle', text(headerLine(), good).slice(0, -30), 'line 2: ends without a line feed'],
    ['an empty line at the end', `${text(headerLine(), good)}\n`, 'line 3: is empty'],
    ['a byte order mark', `\ufeff${text(headerLine(), good)}`, 'line 1: starts with a byte order mark'],
    [
      'UTF-16',
      Buffer.from(`\ufeff${text(headerLine(), good)}`, 'utf16le'),
      'line 1: byte 0xff in column 1: a manifest is ASCII text',
    ],
    ['CRLF from the start', text(headerLine(), good).replaceAll('\n', '\r\n'), 'line 1: ends in CRLF'],
    ['CR alone', text(headerLine(), good).replaceAll('\n', '\r'), 'line 1: ends without a line feed'],
    [
      'bytes that are no UTF-8',
      Buffer.from([0x7b, 0xff, 0xfe, 0x0a]),
      'line 1: byte 0xff in column 2: a manifest is ASCII text',
    ],
    [
      'a wrapped key',
      Buffer.from([...Buffer.alloc(40, 0xa5), 0x0a]),
      'line 1: byte 0xa5 in column 1: a manifest is ASCII text',
    ],
    ['one line that does not end', Buffer.alloc(1e7, 0x20), 'line 1: is longer than 4096 bytes'],
  ];

  for (const [title, content, message] of files) {
    it(`file: ${title}`, async () => {
      const error = await thrownBy(() => readAll(content));
      expect([error.code, error.message]).to.deep.equal(['BAD_INPUT', message]);
    });
  }

  it('quotes no string of the file in any message', async () => {
    const secret = 'c0ffee'.repeat(10);
    for (const member of ['name', 'keySize', 'keytag', 'opaque', 'wrapped', secret]) {
      const line = dekLine(2, {[member]: `${secret}/`});
      const {message, hint} = await thrownBy(() => readAll(text(headerLine(), line)));
      expect(`${message} ${hint}`).to.not.include('c0ffee');
    }
    const {message} = await thrownBy(() => readAll(text(secret)));
    expect(message).to.equal('line 1: is not JSON');
  });
});
