import {execFileSync} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import * as layout from '../../src/rdma/c-layout.js';
import * as dataPathLayout from '../../src/rdma/data-path/c-layout.js';
import {type Feature, has, needing} from '../support/nic/release.js';

type Struct = Readonly<Record<string, number>>;

const {C, MLX5DV_CONTEXT_ROOM, MLX5DV_CONTEXT_ATTR_ROOM, MLX5DV_OBJ_ROOM, ...structs} = layout;
const {C: DATA_PATH_C, IBV_PORT_ATTR_ROOM, ...dataPathStructs} = dataPathLayout;

/** What later releases made longer, and the room that it gets. */
const ROOM: Readonly<Record<string, number>> = {
  'sizeof(struct mlx5dv_context)': MLX5DV_CONTEXT_ROOM,
  'sizeof(struct mlx5dv_context_attr)': MLX5DV_CONTEXT_ATTR_ROOM,
  'sizeof(struct mlx5dv_obj)': MLX5DV_OBJ_ROOM,
};

/** What not all releases have. */
const LATER: readonly (readonly [RegExp, Feature])[] = [
  [/login_attr_ex|login_query_attr|DEK_INIT_ATTR_CRYPTO_LOGIN/, 'login objects'],
  [/sizeof\(struct mlx5dv_dek_init_attr\)|dek_init_attr, crypto_login/, 'login objects'],
  [/SINGLE_BLOCK/, 'single-block AES-XTS'],
  [/MULTI_BLOCK/, 'multi-block AES-XTS'],
];
const featureOf = (question: string): Feature | undefined => LATER.find(([about]) => about.test(question))?.[1];

/** What gcc says of the installed headers, by the expression asked for. */
function ask(expressions: readonly string[]): Map<string, number> {
  const folder = mkdtempSync(join(tmpdir(), 'dek-layout-'));
  try {
    const lines = expressions.map((expression) => `  printf("%llu\\n", (unsigned long long)(${expression}));`);
    const source = [
      '#include <stddef.h>',
      '#include <stdio.h>',
      '#include <infiniband/mlx5dv.h>',
      'int main(void) {',
      ...lines,
      '}',
    ].join('\n');
    writeFileSync(join(folder, 'ask.c'), source);
    execFileSync('cc', ['-o', join(folder, 'ask'), join(folder, 'ask.c')]);
    const answers = execFileSync(join(folder, 'ask'), {encoding: 'utf8'}).trim().split('\n').map(Number);
    return new Map(expressions.map((expression, i) => [expression, answers[i]!]));
  } finally {
    rmSync(folder, {recursive: true});
  }
}

describe('layout', () => {
  const questions = new Map<string, number>();
  for (const [name, struct] of Object.entries<Struct>({...structs, ...dataPathStructs})) {
    const type = `struct ${name.toLowerCase()}`;
    for (const [member, value] of Object.entries(struct)) {
      questions.set(member === 'size' ? `sizeof(${type})` : `offsetof(${type}, ${member})`, value);
    }
  }
  for (const [name, value] of Object.entries({...C, ...DATA_PATH_C})) questions.set(name, value);

  let answers: Map<string, number>;
  before(() => {
    const known = [...questions.keys()].filter((question) => {
      const feature = featureOf(question);
      return !feature || has(feature);
    });
    answers = ask(known);
  });

  for (const [question, value] of questions) {
    const room = ROOM[question];
    const feature = featureOf(question);
    const test = feature ? needing(feature).it : it;
    test(`${question} is ${room ? `at least ${value}` : value}`, () => {
      if (room) expect(answers.get(question)).to.be.within(value, room);
      else expect(answers.get(question)).to.equal(value);
    });
  }

  it('has room for what a port tells', () => {
    expect(ask(['sizeof(struct ibv_port_attr)']).get('sizeof(struct ibv_port_attr)')).to.be.at.most(IBV_PORT_ATTR_ROOM);
  });

  it('has room for the key and the credential', () => {
    expect(layout.MLX5DV_DEK_INIT_ATTR.comp_mask - layout.MLX5DV_DEK_INIT_ATTR.key).to.equal(128);
    expect(layout.MLX5DV_CRYPTO_LOGIN_ATTR.comp_mask - layout.MLX5DV_CRYPTO_LOGIN_ATTR.credential).to.equal(48);
  });
});
