import {execFileSync} from 'node:child_process';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import * as layout from '../../src/virtual/layout.js';
import {compileProgram} from './client.js';

const IMAGE_H = fileURLToPath(new URL('../../../src/virtual/shim/image.h', import.meta.url));

describe('the layout of the NVRAM image', () => {
  it('is the same in C and in TypeScript, field by field', () => {
    const output = execFileSync(compileProgram('layout.c', [`-DSOURCE="${IMAGE_H}"`]), {encoding: 'utf8'});
    const inC = Object.fromEntries(
      output
        .trimEnd()
        .split('\n')
        .map((line) => line.split(' ')),
    );
    const tables = {
      image: {...layout.IMAGE, size: layout.IMAGE_BYTES},
      key: layout.KEY,
      fault: layout.FAULT,
      dek_error: layout.DEK_ERROR,
      slot: layout.SLOT,
    };
    const {IMAGE_VERSION, IMAGE_MAGIC, KEYS, RULES, LANES, SLOTS, ALWAYS} = layout;
    const inTypeScript: Record<string, string> = {};
    for (const [table, fields] of Object.entries(tables)) {
      for (const [field, offset] of Object.entries(fields)) inTypeScript[`${table}.${field}`] = `${offset}`;
    }
    for (const [name, value] of Object.entries({IMAGE_VERSION, IMAGE_MAGIC, KEYS, RULES, LANES, SLOTS, ALWAYS})) {
      inTypeScript[name] = `${value}`;
    }
    expect(inTypeScript).to.deep.equal(inC);
  });
});
