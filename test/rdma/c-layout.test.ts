import {execFileSync} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import * as layout from '../../src/rdma/c-layout.js';
import * as dataPathLayout from '../../src/rdma/data-path/c-layout.js';

type Struct = Readonly<Record<string, number>>;

const {C, MLX5DV_CONTEXT_ROOM, ...structs} = layout;
const {C: DATA_PATH_C, IBV_PORT_ATTR_ROOM, ...dataPathStructs} = dataPathLayout;

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
    answers = ask([...questions.keys()]);
  });

  for (const [question, value] of questions) {
    // rdma-core after 44 made this one longer, which is what the room is for.
    const grows = question === 'sizeof(struct mlx5dv_context)';
    it(`${question} is ${grows ? `at least ${value}` : value}`, () => {
      if (grows) expect(answers.get(question)).to.be.within(value, MLX5DV_CONTEXT_ROOM);
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
