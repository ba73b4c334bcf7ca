import {execFileSync} from 'node:child_process';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import * as layout from '../../src/virtual/image-layout.js';
import {compileProgram} from '../support/process/compile.js';

const FOLDER = fileURLToPath(new URL('../../../src/virtual/shim', import.meta.url));

describe('the layout of the NVRAM image and of a context', () => {
  it('is the same in C and in TypeScript, field by field', () => {
    const output = execFileSync(compileProgram('virtual/layout.c', ['-I', FOLDER]), {encoding: 'utf8'});
    const inC = Object.fromEntries(
      output
        .trimEnd()
        .split('\n')
        .map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]),
    );
    const tables = {
      image: {...layout.IMAGE, size: layout.IMAGE_BYTES},
      key: layout.KEY,
      fault: layout.FAULT,
      dek_error: layout.DEK_ERROR,
      slot: layout.SLOT,
      shared: layout.CONTEXT,
      object: layout.OBJECT,
    };
    const {IMAGE_VERSION, IMAGE_MAGIC, KEYS, RULES, LANES, SLOTS, ALWAYS} = layout;
    const {CONTEXT_MAGIC, CONTEXT_HEADER, CONTEXT_RECORDS, OBJECTS} = layout;
    const kinds = layout.KINDS.flatMap((name, value) => (name ? [value] : []));
    const inTypeScript: Record<string, string> = {};
    for (const [table, fields] of Object.entries(tables)) {
      for (const [field, offset] of Object.entries(fields)) inTypeScript[`${table}.${field}`] = `${offset}`;
    }
    const ofImage = {IMAGE_VERSION, IMAGE_MAGIC, KEYS, RULES, LANES, SLOTS, ALWAYS};
    const ofContext = {CONTEXT_MAGIC, CONTEXT_HEADER, CONTEXT_RECORDS, OBJECTS};
    for (const [name, value] of Object.entries({...ofImage, ...ofContext})) {
      inTypeScript[name] = `${value}`;
    }
    inTypeScript['KINDS'] = kinds.join(' ');
    expect(inTypeScript).to.deep.equal(inC);
  });
});
