/** Commands on a terminal of a person: --watch, and lines that no terminal has to break. */
import {spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {type AgentProcess, agentForEach, DEK} from '../support/agent/agent-process.js';
import type {TestDevice} from '../support/nic/device.js';
import {PseudoTerminal} from '../support/pseudo-terminal.js';
import {until} from '../support/until.js';

const dek = (words: string): string => `'${process.execPath}' '${DEK}' ${words}`;

describe('on a terminal', () => {
  let agent: AgentProcess;
  let device: TestDevice;
  let terminal: PseudoTerminal | undefined;

  agentForEach([], (nic, own) => {
    device = nic;
    agent = own;
  });
  afterEach(() => terminal?.kill());

  const open = (words: string, options: ConstructorParameters<typeof PseudoTerminal>[1]): PseudoTerminal => {
    terminal = new PseudoTerminal(dek(`${words} --socket '${agent.socket}'`), options);
    return terminal;
  };
  /** Its lines, without what moves the cursor or colours. */
  const lines = ({text}: PseudoTerminal): string[] =>
    text
      .replace(/␛\[[\d;]*[A-Za-z]/g, '')
      .split(/\r*\n/)
      .filter((line) => line !== '');

  it('dek status says first how all is, in colour, and breaks no line', async () => {
    const status = open('status', {columns: 40});
    expect(await status.exit()).to.equal(7);
    expect(status.text).to.match(/^state: +␛\[31mNOT READY␛\[0m: no login/);
    for (const line of lines(status)) expect(line.length, line).to.be.at.most(40);
  });

  it('dek run ends with the status of CMD when the terminal goes, as an ssh session that is cut', async () => {
    const status = join(device.directory, 'status');
    const run = `${dek('run --')} sh -c "echo started; exec sleep 60"`;
    // This shell is told of the hang-up, passes it on, and writes down how dek ended.
    const script = join(device.directory, 'script');
    const lines = [
      "trap 'kill -HUP $dek' HUP",
      `${run} & dek=$!`,
      'wait $dek; wait $dek',
      `echo $? > '${status}.new'; mv '${status}.new' '${status}'`,
    ];
    fs.writeFileSync(script, lines.join('\n'));
    terminal = new PseudoTerminal(`sh '${script}'`, {columns: 80, env: device.nic.environment()});
    await terminal.shows(/started/);
    terminal.kill();
    await until(async () => fs.existsSync(status), 'dek run has ended');
    expect(fs.readFileSync(status, 'utf8')).to.equal('129\n');
  });

  it('dek status has no colour where NO_COLOR is set', async () => {
    const status = open('status', {columns: 40, env: {NO_COLOR: '1'}});
    await status.exit();
    expect(status.text).to.not.include('␛');
  });

  it('dek status --watch shows changes in its place, and ends with the status of what it showed last', async () => {
    const status = open('status --watch', {columns: 80});
    await status.shows(/NOT READY.*no login/s);
    await agent.login();
    await status.shows(/␛\[\d+A\r.*␛\[32mREADY/s);
    status.interrupt();
    expect(await status.exit()).to.equal(0);
  });

  it('dek status --follow ends by Ctrl-C with the status of what it showed, on a line of its own', async () => {
    const status = open('status --follow', {columns: 80});
    await status.shows(/NOT READY.*no login.*"event":"status"/s);
    status.interrupt();
    expect(await status.exit()).to.equal(7);
    expect(status.text).to.match(/\^C\r\n$/);
  });

  it('dek status --watch stays while there is no agent, and shows the next one', async () => {
    const status = open('status --watch', {columns: 80});
    await status.shows(/no login/);
    await agent.end();
    await status.shows(/no agent listens/);
    status.interrupt();
    expect(await status.exit()).to.equal(3);
  });

  it('dek status --watch shows as many lines as there are rows, and says how many more', async () => {
    const status = open('status --watch', {columns: 80, rows: 4});
    await status.shows(/\.\.\. and \d+ more lines/);
    status.interrupt();
    expect(await status.exit()).to.equal(7);
  });

  it('dek status --watch is no wider than the terminal, whatever COLUMNS says', async () => {
    // By env(1): a shell that knows the terminal sets COLUMNS itself.
    const words = `env COLUMNS=200 ${dek(`status --watch --socket '${agent.socket}'`)}`;
    const status = new PseudoTerminal(words, {columns: 60});
    terminal = status;
    await status.shows(/heals/);
    status.interrupt();
    await status.exit();
    for (const line of lines(status)) expect(line.length, line).to.be.at.most(60);
  });

  it('names the file, the line and the section that say more of an error', async () => {
    const query = open('login --credential /dev/null --credential-id 1 --import-kek-id 1', {columns: 80});
    await query.exit();
    expect(query.text).to.not.include('see:'); // dek login --help says it
    query.kill();
    await agent.end();
    const status = open('status', {columns: 80});
    await status.exit();
    expect(status.text).to.match(/^see: {2}\S+\/docs\/operator\.md:\d+, "Start a service with its DEKs"/m);
  });

  it('dek status --watch refuses a pipe, and says what is for programs', () => {
    const {status, stderr} = spawnSync(process.execPath, [DEK, 'status', '--watch'], {encoding: 'utf8'});
    expect(stderr).to.equal('error: --watch needs a terminal\nhint: for a program or a file: --follow, --json\n');
    expect(status).to.equal(2);
  });
});
