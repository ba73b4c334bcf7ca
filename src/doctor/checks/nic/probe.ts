/** `--probe`: a real login with the login of a manifest, one DEK of it created, proven and destroyed on each NIC. */
import {Proving} from '../../../agent/nic/proving.js';
import {isWrong, type Finding as ProofFinding} from '../../../agent/proof.js';
import {wordsOf} from '../../../agent/proof-words.js';
import {DekError} from '../../../errors.js';
import {assertRegularFile} from '../../../files/small-file.js';
import type {ManifestEntry, ManifestHeader} from '../../../manifest/index.js';
import type {Device} from '../../../rdma/index.js';
import {type Check, type Finding, found, well} from '../../check.js';
import {askedAsync, type Scene} from '../../scene.js';

/** The check, on the first DEK of this manifest. */
export function probeOf(path: string): Check {
  return {
    name: 'probe',
    verdicts: PROBE_VERDICTS,
    async look(scene) {
      const nics = await scene.nics();
      if (nics.length === 0) return [];
      const first = await firstOf(path);
      const findings: Finding[] = [];
      for (const nic of nics) findings.push(await probe(scene, nic, first));
      return findings;
    },
  };
}

export const PROBE_VERDICTS: Check['verdicts'] = {
  'probe-login-refused': {
    level: 'fix',
    text: 'the NIC refused the login of the manifest',
    fix: 'see what the error says; dek explain says what its status means',
  },
  'probe-dek-refused': {
    level: 'fix',
    text: 'the NIC refused a DEK of the manifest',
    fix: 'see what the error says; dek explain says what its status means',
  },
  'probe-dek-error': {
    level: 'fix',
    text: 'the NIC made a DEK of the manifest, and says that it is in ERROR',
    fix: 'reset the NIC; report it to NVIDIA support if it stays so',
  },
  'probe-policy': {
    level: 'fix',
    text: 'the NIC refused a DEK whose key1 equals key2: its policy forbids that',
    fix: 'have the key made anew; mlxconfig -d DEVICE query CRYPTO_POLICY says which policy it is (FIPS_LEVEL_2)',
    basis: 'assumed',
  },
  'probe-tweak': {
    level: 'fix',
    text: 'the NIC counts the tweak of data units as no other does: nobody else reads what it writes',
    fix: 'mlxconfig -d DEVICE query AES_XTS_TWEAK_INC_64: set it to 0, and reset the NIC, before data is written',
    basis: 'assumed',
  },
  'probe-wrong': {
    level: 'fix',
    text: 'a DEK of the manifest was shown to be wrong: data under it would be lost',
    fix: 'write no data under it; dek explain says what the verdict means',
  },
  'probe-not-proven': {
    level: 'note',
    text: 'the NIC made a DEK of the manifest, and nothing could be shown of its key',
    fix: 'dek manifest check FILE --kek SOURCE --add-dcv adds check values; see what the verdict says',
  },
};

interface First {
  readonly header: ManifestHeader;
  readonly entry: ManifestEntry;
}

async function firstOf(path: string): Promise<First> {
  const {openManifest} = await import('../../../manifest/index.js');
  await assertRegularFile(path);
  const {header, entries} = await openManifest(path);
  for await (const entry of entries) return {header, entry};
  throw new DekError('BAD_INPUT', `${path} has no DEK to probe with`);
}

async function probe(scene: Scene, nic: Device, {header, entry}: First): Promise<Finding> {
  if (nic.caps.importMode !== 'wrapped') return well(`not tried: ${nic.caps.importMode} import`, nic.name);
  const {login} = header;
  if (login === null) return well('not tried: the manifest has no login', nic.name);
  const session = await askedAsync(async () => nic.login(login));
  if (session instanceof DekError) return found('probe-login-refused', saidBy(session), nic.name);
  try {
    const {name, wrapped, keySize, keytag, opaque} = entry;
    const dek = await askedAsync(async () => nic.createDek({wrapped, keySize, keytag, opaque}));
    if (dek instanceof DekError) {
      const verdict = (await hasEqualHalves(scene, entry)) ? 'probe-policy' : 'probe-dek-refused';
      return found(verdict, `${name}: ${saidBy(dek)}`, nic.name);
    }
    try {
      const {state} = dek.query();
      if (state !== 'READY') return found('probe-dek-error', name, nic.name);
      return await proven(nic, entry, dek);
    } finally {
      dek[Symbol.dispose]();
    }
  } finally {
    session[Symbol.dispose]();
  }
}

async function proven(nic: Device, entry: ManifestEntry, dek: ReturnType<Device['createDek']>): Promise<Finding> {
  const proving = await Proving.open(nic);
  try {
    const {name, dcv = null, dcvHints = null, keytagValue = null} = entry;
    const [finding] = await proving.prove([{dek, dcv, dcvHints, keytagValue}]);
    const words = `${name}: logged in, created, READY; proof: ${wordsOf(finding!)}`;
    if (finding!.verdict === 'ok') return well(`${words}; destroyed`, nic.name);
    return found(verdictOf(finding!), words, nic.name);
  } finally {
    await proving.close();
  }
}

function verdictOf(finding: ProofFinding): string {
  if (finding.verdict === 'tweak-increment') return 'probe-tweak';
  return isWrong(finding) ? 'probe-wrong' : 'probe-not-proven';
}

/** Whether the KEK, where one was given, says so of a DEK. */
async function hasEqualHalves({options: {kek: spec}}: Scene, {name, wrapped}: ManifestEntry): Promise<boolean> {
  if (spec === undefined) return false;
  const [{openKek}, {open}] = await Promise.all([import('../../../custody/kek.js'), import('../../inspect/opened.js')]);
  const opened = await askedAsync(async () => {
    const kek = await openKek(spec, {title: 'kek', format: undefined, kcv: undefined});
    return open(kek, name, wrapped).finally(() => kek.close());
  });
  return !(opened instanceof DekError) && opened.equalHalves === true;
}

function saidBy({message, hint}: DekError): string {
  return hint === undefined ? message : `${message} (${hint})`;
}
