/**
 * CMD of `dek run` and `dek virtual exec` as if it had been started without them: its descriptors, its process id, its
 * signals.
 */
import {spawnSync} from 'node:child_process';
import {expect} from 'chai';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {DEK} from '../support/process/run-dek.js';

/** Opens descriptors, and becomes the command that its arguments are. */
const WITH_DESCRIPTORS = `
import os, socket, sys
os.closerange(3, 1000)
pipe, ours = os.pipe(), os.pipe()
listening = socket.socket(socket.AF_UNIX)
listening.bind('')
listening.listen()
passwd, null = os.open('/etc/passwd', os.O_RDONLY), os.open('/dev/null', os.O_RDWR)
for fd, to in ((listening.fileno(), 30), (passwd, 31), (pipe[0], 32), (null, 400)):
    os.dup2(fd, to)
os.closerange(3, 30)
os.dup2(30, 3)
os.dup2(31, 4)
os.dup2(32, 17)
os.closerange(30, 40)
os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()), WATCHDOG_USEC='5000000', WATCHDOG_PID=str(os.getpid()))
os.execvp(sys.argv[1], sys.argv[1:])
`;

/** Tells of its descriptors from 3 on, and whether the variables that name a process name it. */
const TELL = `
import os
for fd in sorted(map(int, os.listdir('/proc/self/fd'))):
    try: link = os.readlink('/proc/self/fd/%d' % fd)
    except OSError: continue
    if fd > 2 and not link.startswith('/proc/'): print(fd, link.split(':')[0])
for name in 'LISTEN_PID', 'WATCHDOG_PID':
    print(name, os.environ.get(name) == str(os.getpid()))
`;

/** Says that it counts signals, and counts until none has come for a second and a half; a minute for the first. */
const COUNT = `
import os, signal, time
seen, end = {}, time.time() + 60
def count(number, frame):
    global end
    seen[number], end = seen.get(number, 0) + 1, time.time() + 1.5
for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1): signal.signal(one, count)
os.write(1, b'up\\n')
while time.time() < end: time.sleep(0.05)
print(' '.join(signal.Signals(one).name + ' %d' % times for one, times in sorted(seen.items())))
`;

/** Starts the command of its arguments in a group of its own, and signals it: alone, or the group. */
const SIGNAL = `
import os, signal, subprocess, sys, time
whom, names, command = sys.argv[1], sys.argv[2].split(','), sys.argv[3:]
child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True)
child.stdout.readline()
time.sleep(0.3)
for name in names:
    number = getattr(signal, name)
    os.killpg(child.pid, number) if whom == 'group' else os.kill(child.pid, number)
print(child.stdout.read().decode().strip())
`;

/** The same, at a terminal: types Ctrl-C. */
const TYPE = `
import os, pty, sys, time
pid, fd = pty.fork()
if pid == 0: os.execvp(sys.argv[1], sys.argv[1:])
text = b''
while True:
    try: piece = os.read(fd, 4096)
    except OSError: break
    if not piece: break
    text += piece
    if b'up' in piece:
        time.sleep(0.3)
        os.write(fd, b'\\x03')
print(*text.decode().replace('^C', '').split()[-2:])
`;

describe('CMD', () => {
  let device: TestDevice;

  before(async () => {
    device = await testDevice();
  });
  after(() => device.remove());

  const python = (script: string, ...args: string[]): string[] => ['python3', '-c', script, ...args];
  const dek = (...args: string[]): string[] => [process.execPath, DEK, ...args];

  for (const [what, wrapper] of [
    ['virtual exec', () => dek('virtual', 'exec', device.directory, '--')],
    ['run', () => dek('run', '--')],
    ['virtual exec and run', () => [...dek('virtual', 'exec', device.directory, '--'), ...dek('run', '--')]],
  ] as const) {
    describe(`of ${what}`, () => {
      function run(driver: string[], command: string[]): string {
        const [file, ...args] = [...driver, ...wrapper(), ...command];
        const {stdout, stderr} = spawnSync(file!, args, {env: device.nic.environment(), encoding: 'utf8'});
        expect(stderr).to.equal('');
        return stdout;
      }

      it('has the descriptors that it was started with, and variables that name it', () => {
        expect(run(python(WITH_DESCRIPTORS), python(TELL))).to.equal(
          '3 socket\n4 /etc/passwd\n17 pipe\n400 /dev/null\nLISTEN_PID True\nWATCHDOG_PID True\n',
        );
      });

      it('has none of the descriptors of Node, at a terminal or not', () => {
        const [file, ...args] = python(TELL);
        const {stdout} = spawnSync(file!, args, {encoding: 'utf8'});
        expect(run([], python(TELL))).to.equal(stdout);
        const pty = 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]))';
        expect(run(python(pty), python(TELL)).replaceAll('\r', '')).to.equal(stdout);
      });

      it('alone keeps a pipe open that it was started with', () => {
        const script = `
import os, subprocess, sys
reading, writing = os.pipe()
env = dict(os.environ, FD=str(writing))
child = subprocess.Popen(sys.argv[1:], pass_fds=[writing], env=env, stdout=subprocess.PIPE)
os.close(writing)
child.stdout.readline()
print(os.read(reading, 9), child.poll())
child.terminate()
child.wait()
`;
        const command = ['bash', '-c', 'eval "exec $FD>&-"; echo closed; exec sleep 20'];
        expect(run(python(script), command)).to.equal("b'' None\n");
      });

      for (const [whom, names, expected] of [
        ['it', 'SIGTERM', 'SIGTERM 1'],
        ['it', 'SIGHUP,SIGTERM,SIGUSR1', 'SIGHUP 1 SIGUSR1 1 SIGTERM 1'],
        ['group', 'SIGTERM', 'SIGTERM 1'],
        ['group', 'SIGINT,SIGHUP,SIGTERM', 'SIGHUP 1 SIGINT 1 SIGTERM 1'],
      ] as const) {
        it(`gets ${names} once when ${whom === 'it' ? 'dek gets it' : 'the whole group gets it'}`, () => {
          expect(run(python(SIGNAL, whom, names), python(COUNT))).to.equal(`${expected}\n`);
        });
      }

      it('gets a signal once after another that all have got', () => {
        const twice = SIGNAL.replace('print(child', 'time.sleep(0.3); os.kill(child.pid, signal.SIGTERM); print(child');
        expect(run(python(twice, 'group', 'SIGTERM'), python(COUNT))).to.equal('SIGTERM 2\n');
      });

      it('gets Ctrl-C once', () => {
        expect(run(python(TYPE), python(COUNT))).to.equal('SIGINT 1\n');
        const elsewhere = ['sh', '-c', 'exec "$@" </dev/null', 'sh'];
        expect(run([...python(TYPE), ...elsewhere], python(COUNT))).to.equal('SIGINT 1\n');
      });
    });
  }
});
