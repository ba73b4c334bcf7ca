import fs from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {toHex} from '../../src/bytes.js';
import {openKek} from '../../src/custody/kek.js';
import {readSecretText} from '../../src/custody/source.js';
import {keyCheckValue} from '../../src/wrap/kcv.js';

describe('KEK', () => {
  const directory = fs.mkdtempSync(join(tmpdir(), 'dek-kek-'));
  const key = new Uint8Array(16).fill(7);
  const path = join(directory, 'kek');
  before(() => fs.writeFileSync(path, key, {mode: 0o600}));
  after(() => fs.rmSync(directory, {recursive: true}));

  it('opens by its source', async () => {
    const kek = await openKek(`file:${path}`);
    expect(kek.name).to.equal(`"kek" file:${path}`);
    expect(kek.secret).to.deep.equal(key);
    await kek.close();
  });

  it('has to have the key check value that was said', async () => {
    const kcv = keyCheckValue(key);
    await (await openKek(`file:${path}`, {kcv})).close();
    const other = new Uint8Array(5);
    const error = await openKek(`file:${path}`, {kcv: other, title: 'from'}).catch((error) => error);
    expect(error).to.include({
      code: 'UNWRAP_FAILED',
      message: `"from" has KCV ${toHex(kcv)}, and 0000000000 was expected`,
    });
  });

  it('may take a secret that is no key, which is read as it stands', async () => {
    const pin = join(directory, 'pin');
    fs.writeFileSync(pin, '1234\n', {mode: 0o600});
    expect(Buffer.from(await readSecretText(`file:${pin}`, 5, 'pin')).toString()).to.equal('1234\n');
    const tooLong = await readSecretText(`file:${pin}`, 4, 'pin').catch((error) => error);
    expect(tooLong).to.include({code: 'BAD_INPUT', message: `"pin" file:${pin} holds more than 4 bytes`});
    fs.writeFileSync(pin, '');
    const empty = await readSecretText(`file:${pin}`, 4, 'pin').catch((error) => error);
    expect(empty).to.include({code: 'BAD_INPUT', message: `"pin" file:${pin} is empty`});
  });
});
