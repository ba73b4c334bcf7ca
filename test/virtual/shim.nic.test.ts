import {execFileSync, spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {IMAGE, IMAGE_BYTES, IMAGE_VERSION} from '../../src/virtual/image-layout.js';
import {Client, login, wrapped} from '../support/nic/client.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {compileProgram} from '../support/process/compile.js';
import {temporaryDirectory} from '../support/temporary-directory.js';

const SOURCE = fileURLToPath(new URL('../../../src/virtual/shim/uverbs.c', import.meta.url));

/** Creates with a bit that the command has no name for. */
const RESERVED = [
  'a DEK with a user id',
  'a DEK with an object id',
  'a DEK with a state',
  'a DEK with a bit beside its key size',
  'a DEK with a bit behind it',
  'a login with a state',
  'a login with a bit behind its credential',
  'an MKey with an op_mod',
  'an MKey with a bit at its beginning',
  'an MKey with a bit at its end',
  'a PSV with a bit behind it',
];

describe('the shim', () => {
  let device: TestDevice;

  beforeEach(async () => {
    device = await testDevice();
  });
  afterEach(() => device.remove());

  it('needs no library but libc', () => {
    const output = execFileSync('readelf', ['-d', join(device.directory, 'uverbs.so')], {encoding: 'utf8'});
    const needed = [...output.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map((match) => match[1]);
    expect(needed).to.deep.equal(['libc.so.6']);
  });

  it('compiles on a distribution that fortifies by default', () => {
    const flags = [
      '-O2',
      '-D_FORTIFY_SOURCE=2',
      '-D_FILE_OFFSET_BITS=64',
      '-shared',
      '-fPIC',
      '-Wall',
      '-Wextra',
      '-Werror',
    ];
    const {status, stderr} = spawnSync('cc', [...flags, '-o', join(device.directory, 'fortified.so'), SOURCE], {
      encoding: 'utf8',
    });
    expect(stderr).to.equal('');
    expect(status).to.equal(0);
  });

  it('has no line of more than 120 columns, tabs counted as 8', () => {
    const folder = dirname(SOURCE);
    const sources = fs.readdirSync(folder, {recursive: true, encoding: 'utf8'}).filter((name) => /\.[ch]$/.test(name));
    expect(sources.length).to.be.above(40);
    const long = sources.flatMap((name) => {
      const lines = fs.readFileSync(join(folder, name), 'utf8').split('\n');
      const columns = (line: string): number => [...line].reduce((at, c) => (c === '\t' ? (at | 7) + 1 : at + 1), 0);
      return lines.flatMap((line, index) => (columns(line) > 120 ? [`${name}:${index + 1}`] : []));
    });
    expect(long).to.deep.equal([]);
  });

  it('changes nothing for programs that do not touch RDMA', () => {
    const program = compileProgram('virtual/passthrough.c', ['-Wno-nonnull']);
    const output = (env: NodeJS.ProcessEnv): string => {
      const directory = temporaryDirectory();
      const result = spawnSync(program, [directory], {env, encoding: 'utf8'});
      fs.rmSync(directory, {recursive: true});
      expect(result.status).to.equal(0);
      return result.stdout;
    };
    const plain = output(process.env);
    expect(plain.split('\n').length).to.be.above(25);
    expect(output(device.nic.environment())).to.equal(plain);
    expect(output({...device.nic.environment(), DEK_VIRTUAL: undefined})).to.equal(plain);
  });

  it('lets shells, node and python run as ever', () => {
    const python =
      "import subprocess; print(subprocess.run(['echo', 'hi'], capture_output=True, close_fds=True).stdout)";
    expect(device.run('sh', ['-c', 'cat < /dev/null | wc -c; exec 3</dev/zero; exec 3<&-']).stdout.trim()).to.equal(
      '0',
    );
    expect(device.run('/usr/bin/python3', ['-c', python]).stdout).to.equal("b'hi\\n'\n");
    const script = "console.log(require('child_process').execFileSync('echo', ['hi']).toString())";
    expect(device.run(process.execPath, ['-e', script]).stdout.trim()).to.equal('hi');
  });

  it('answers calls that no library would make as the kernel does', () => {
    const {status, stdout} = device.run(compileProgram('virtual/hostile.c'));
    expect(status).to.equal(0);
    const answers = stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split(': '));
    expect(answers).to.deep.equal([
      ['create before get_context', 'EINVAL'],
      ['get_context without devx', 'ok'],
      ['get_context twice', 'EINVAL'],
      ['create without devx', 'EINVAL'],
      ['get_context', 'ok'],
      ['null call', 'EFAULT'],
      ['another ioctl', 'ENOTTY'],
      ['unknown object', 'EPROTONOSUPPORT'],
      ['unknown method', 'EPROTONOSUPPORT'],
      ['another driver', 'EINVAL'],
      ['wrong length', 'EINVAL'],
      ['too many attributes', 'EINVAL'],
      ['reserved field', 'EINVAL'],
      ['unknown attribute, mandatory', 'EPROTONOSUPPORT'],
      ['attribute twice', 'EINVAL'],
      ['attribute missing', 'EINVAL'],
      ['in mailbox of 15 bytes', 'EINVAL'],
      ['out mailbox of 15 bytes', 'EINVAL'],
      ['null in mailbox', 'EFAULT'],
      ['null out mailbox', 'EFAULT'],
      ['create DEK in 16 bytes', 'EREMOTEIO'],
      ['its status', '0x50'],
      ['create login in 100 bytes', 'EREMOTEIO'],
      ['its status', '0x50'],
      ['create of an unknown type, with an unknown attribute that is optional', 'EREMOTEIO'],
      ['its status', '0x3'],
      ...RESERVED.flatMap((title) => [
        [title, 'EREMOTEIO'],
        ['its answer', '0x3 0xd0017'],
      ]),
      ['another opcode than create', 'EINVAL'],
      ['another opcode than a query of the caps', 'EINVAL'],
      ['caps in 16 bytes', 'ok'],
      ['destroy of no handle', 'ENOENT'],
      ['query of no handle', 'ENOENT'],
      ['dealloc of no PD', 'ENOENT'],
      ['destroy of no handle', 'ENOENT'],
      ['query of no handle', 'ENOENT'],
      ['dealloc of no PD', 'ENOENT'],
      ['destroy of no handle', 'ENOENT'],
      ['query of no handle', 'ENOENT'],
      ['dealloc of no PD', 'ENOENT'],
      ['after close', 'EBADF'],
    ]);
    expect(device.nic.show().live.contexts).to.equal(0);
  });

  it('survives random calls', () => {
    const calls = process.env['SLOW'] ? 5_000_000 : 200_000;
    const {status, signal, stdout} = device.run(compileProgram('virtual/hostile.c'), [`${calls}`]);
    expect({status, signal}).to.deep.equal({status: 0, signal: null});
    expect(stdout).to.match(/alive\n$/);
    expect(device.nic.show().live).to.include({contexts: 0, pds: 0, logins: 0, deks: 0});
  });

  describe('and a damaged image', () => {
    let client: Client;
    let image: string;

    beforeEach(async () => {
      image = join(device.directory, 'mlx5_0.nvram');
      client = new Client(device);
      expect(await client.askAll(['open', 'pd', login(device)])).to.deep.equal(['ok', 'ok', 'ok']);
    });
    afterEach(() => client.end());

    const questions = (): string[] => ['pd', 'state', `create session 256 0 ${wrapped(device)}`];

    it('that is cut short under it: EIO, not SIGBUS', async () => {
      fs.truncateSync(image, 100);
      expect(await client.askAll(questions())).to.deep.equal(['EIO', 'EIO', 'EIO']);
      expect(await client.ask('close')).to.equal('ok');
      expect(() => device.nic.show()).to.throw('expected 42760');
    });
    it('that is cut short before it is opened: EIO', async () => {
      expect(await client.ask('close')).to.equal('ok');
      fs.truncateSync(image, 4096);
      expect(await client.ask('open')).to.equal('EIO');
    });
    it('that is deleted: what is open goes on, nothing new opens', async () => {
      fs.rmSync(image);
      expect(await client.askAll(questions())).to.deep.equal(['ok', 'VALID', '0']);
      expect(await client.ask('close')).to.equal('ok');
      expect(await client.ask('list')).to.equal('ok');
      expect(() => device.nic.show()).to.throw('no such file or directory');
    });
    it('of another version: EIO, and a clear error', async () => {
      const copy = fs.readFileSync(image);
      copy.writeUInt32LE(IMAGE_VERSION + 1, IMAGE.version);
      fs.rmSync(image);
      fs.writeFileSync(image, copy);
      expect(await client.askAll(['close', 'open'])).to.deep.equal(['ok', 'EIO']);
      expect(() => device.nic.show()).to.throw(`has version ${IMAGE_VERSION + 1}, expected ${IMAGE_VERSION}`);
      expect(() => device.nic.set({latencyUs: 1})).to.throw(
        `has version ${IMAGE_VERSION + 1}, expected ${IMAGE_VERSION}`,
      );
    });
    it('of random bytes: EIO, and a clear error', async () => {
      fs.rmSync(image);
      fs.writeFileSync(image, Buffer.alloc(IMAGE_BYTES, 0x5a));
      expect(await client.askAll(['close', 'open'])).to.deep.equal(['ok', 'EIO']);
      expect(() => device.nic.show()).to.throw('is not the image of a virtual ConnectX');
    });
    it('whose fields are random: no crash', async () => {
      const fd = fs.openSync(image, 'r+');
      const noise = Buffer.from(Array.from({length: IMAGE_BYTES - 24}, (_, i) => (i * 131 + (i >> 8) * 17) & 255));
      for (const field of [IMAGE.latency_us, IMAGE.open_errno]) noise.writeUInt32LE(0, field - 24);
      noise[IMAGE.gone - 24] = 0;
      fs.writeSync(fd, noise, 0, noise.length, 24);
      fs.closeSync(fd);
      for (const answer of await client.askAll([...questions(), 'close', 'open', 'caps', ...questions()])) {
        expect(answer).to.be.a('string');
      }
      expect(device.nic.show()).to.be.an('object');
    });
  });
});
