/** A TPM, or an index in it, that is not as it should be: one error, and the process ends. */
import {spawnSync} from 'node:child_process';
import {expect} from 'chai';
import {SoftTpm} from '../support/keys/swtpm.js';
import {SignedManifests} from '../support/manifest/signed-manifests.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {type Run, runDek} from '../support/process/run-dek.js';

describe('a rollback index in a TPM', () => {
  let tpm: SoftTpm;
  let device: TestDevice;
  let manifests: SignedManifests;

  before(async () => {
    tpm = await SoftTpm.start();
    device = await testDevice();
    manifests = new SignedManifests(device);
  });
  after(async () => {
    await tpm.stop();
    device.remove();
  });

  const enroll = (index: string): Promise<Run> =>
    runDek(['rollback-index', 'enroll', index, manifests.write([]), ...manifests.args]);

  /** tpm2-tools, with this TPM. */
  function tpm2(tool: string, ...args: string[]): void {
    const env = {...process.env, TPM2TOOLS_TCTI: tpm.tcti};
    const {status, stderr} = spawnSync(`tpm2_${tool}`, args, {env, encoding: 'utf8'});
    if (status !== 0) throw new Error(`tpm2_${tool}: ${stderr}`);
  }

  it('gives up on a TPM that gives no answer, and ends', async () => {
    expect(await enroll(tpm.index())).to.include({status: 0});
    tpm.standStill();
    try {
      const {status, stderr} = await runDek(['rollback-index', 'show', tpm.index()]);
      expect([status, stderr]).to.deep.equal([1, 'error: tpm:0x1800020 gave nothing for 10 s\n']);
    } finally {
      tpm.goOn();
    }
  });

  it('tells a password of the index from one of the owner', async () => {
    const attributes = 'ownerread|ownerwrite|authread|authwrite|no_da';
    tpm2('nvdefine', '0x1800021', '-C', 'o', '-s', '56', '-p', 'secret', '-a', attributes);
    const own = await enroll(tpm.index('0x1800021'));
    expect([own.status, own.stderr]).to.deep.include(4);
    expect(own.stderr).to.contain('the index tpm:0x1800021 has a password of its own');
    tpm2('changeauth', '-c', 'owner', 'secret');
    const ofOwner = await enroll(tpm.index('0x1800022'));
    expect([ofOwner.status, ofOwner.stderr]).to.deep.include(4);
    expect(ofOwner.stderr).to.contain('the owner of the TPM has a password').and.contain('tpm2_nvdefine');
  });

  it('names the manifest of another, and says what to do with what is no index', async () => {
    const index = tpm.index('0x1800023');
    tpm2('nvdefine', '0x1800023', '-C', 'o', '-P', 'secret', '-s', '56', '-a', 'ownerwrite|authread|authwrite|no_da');
    expect(await enroll(index)).to.include({status: 0});
    const {stdout} = await runDek(['rollback-index', 'show', index, '--json']);
    const other = new SignedManifests(device);
    const stranger = other.write([], {file: 'stranger'});
    const refused = await runDek(['rollback-index', 'enroll', index, stranger, ...other.args]);
    expect(refused.stderr).to.contain(
      `holds generation 1 of manifest ${JSON.parse(stdout.toString()).id.slice(0, 8)}...`,
    );
    spawnSync('sh', ['-c', 'head -c 56 /dev/zero | tpm2_nvwrite 0x1800023 -C 0x1800023 -i -'], {
      env: {...process.env, TPM2TOOLS_TCTI: tpm.tcti},
    });
    const altered = await runDek(['rollback-index', 'show', index]);
    expect([altered.status, altered.stderr]).to.deep.include(2);
    expect(altered.stderr).to.contain('holds something other than a rollback index').and.contain('enroll again');
  });
});
