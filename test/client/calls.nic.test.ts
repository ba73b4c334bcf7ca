/** The calls of libmlx5dek, against a stand-in for the agent that says what real ones say seldom (calls.c). */
import {execFileSync} from 'node:child_process';
import {join} from 'node:path';
import {expect} from 'chai';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {compileProgram, LIBMLX5DEK, SANITIZED} from '../support/process/compile.js';

describe('libmlx5dek', () => {
  let device: TestDevice;
  let program: string;

  before(async () => {
    device = await testDevice();
    program = compileProgram('client/calls.c', [...SANITIZED, ...LIBMLX5DEK]);
  });
  after(() => device.remove());

  function run(name: string, env: NodeJS.ProcessEnv = {}): string {
    const {status, signal, stdout, stderr} = device.run(program, [name, join(device.directory, 'socket')], {env});
    expect({status, signal, stderr}).to.deep.equal({status: 0, signal: null, stderr: ''});
    return stdout;
  }

  const titles: Readonly<Record<string, string>> = {
    lend: 'lends a context and finds the DEKs by name',
    names: 'asks for names and globs, and can leave the DEKs where they are',
    changes: 'takes changes, new tables, what expired and the end of a context, in order',
    reconnect: 'shows the next agent what there is, and tells it what was released meanwhile',
    'first-lend': 'goes on with the next agent when one ends in the middle of a first lend',
    'no-agent': 'keeps the DEKs when the agent is gone, and says what to do',
    'agent-ends': 'detaches while the agent ends, and says no more than that it cannot take DEKs away',
    refusals: "gives a refusal's errno and text",
    timeout: 'waits no longer than it was told',
    attach: 'attaches, and stays in its context when the agent was restarted with it',
    'other-context': 'does not take another context for its own',
    threads: 'looks up in several threads while changes come',
  };
  for (const [name, title] of Object.entries(titles)) it(title, () => void run(name));

  it('knows that this libmlx5 fits', () => {
    expect(run('layout')).to.equal('fits\n');
  });

  it('gives no DEK to a libmlx5 that does not fit, and still its id', () => {
    const other = compileProgram('client/misfit.c', ['-shared', '-fPIC']);
    const preload = `${device.nic.environment()['LD_PRELOAD']} ${other}`;
    expect(run('layout', {LD_PRELOAD: preload})).to.match(/^libmlx5 keeps its DEKs in a form that is not known here/);
  });

  it('has a test of each of its cases', () => {
    const cases = execFileSync(program, {encoding: 'utf8'}).trim().split('\n');
    expect(cases.sort()).to.deep.equal([...Object.keys(titles), 'layout'].sort());
  });
});
