import {expect} from 'chai';
import {DekError} from '../../src/errors.js';
import {type Acceptance, acceptManifest, type Known, type Proof} from '../../src/manifest/acceptance/accept.js';
import {type Offered, readOffered} from '../../src/manifest/acceptance/offer.js';
import {type Edition, newEdition} from '../../src/manifest/fields/edition.js';
import {formatHeader} from '../../src/manifest/fields/header.js';
import {formatRelease, newRelease, type ReleasedManifest} from '../../src/manifest/release/release.js';
import {digestsOf} from '../../src/manifest/signature/digests.js';
import {SoftKey} from '../support/keys/soft-key.js';

const NOW = new Date('2026-11-30T12:00:00Z');
const ISSUED = '2026-11-30T11:00:00Z';
const [alice, bob, mallory] = [new SoftKey(), new SoftKey(), new SoftKey()];
const first = newEdition();

/** A manifest without DEKs. */
async function offer(more: Partial<Edition> = {}): Promise<Offered> {
  const edition = {...first, issued: ISSUED, ...more};
  return readOffered([formatHeader({edition, devices: [], importKekKcv: null, login: null})]);
}

const signed = ({digests}: Offered, ...by: SoftKey[]): Proof => ({
  signature: SoftKey.signatures('dek-manifest', digests, by),
});

function released(by: SoftKey, main: Offered, fallback?: Offered): Proof {
  const line = ({header, digests}: Offered, isFallback: boolean): ReleasedManifest => {
    const {id, generation, hosts} = header.edition!;
    return {id, generation, hosts, digest: digests.sha256, fallback: isFallback};
  };
  const release = formatRelease(newRelease([line(main, false), ...(fallback ? [line(fallback, true)] : [])]));
  return {release, signature: SoftKey.signatures('dek-release', digestsOf(release), [by])};
}

const knownOf = ({header, digests}: Offered): Known => ({
  generation: header.edition!.generation,
  digest: digests.sha256,
});

interface Case {
  known?: Known | null;
  threshold?: number;
  host?: string;
  now?: Date;
  signers?: string;
}

const ALLOWED = `alice ${alice.text}\nbob ${bob.text}\n`;

function accept(
  offered: Offered,
  proof: Proof,
  {known = null, threshold = 1, host = 'node-1', now = NOW, signers = ALLOWED}: Case = {},
): Acceptance {
  return acceptManifest(offered, proof, {trust: {signers: SoftKey.signers(signers), threshold}, host, known, now});
}

/** The code of the refusal, and what it says. */
function refused(...args: Parameters<typeof accept>): string {
  try {
    accept(...args);
  } catch (error) {
    if (error instanceof DekError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'accepted';
}

describe('acceptance of a manifest', () => {
  it('takes a signed one, and tells who signed and what to remember', async () => {
    const it2 = await offer({generation: 2});
    const accepted = accept(it2, signed(it2, alice, mallory));
    expect(accepted).to.deep.include({generation: 2, isNew: true, known: knownOf(it2)});
    expect(accepted.signers.map(({principal}) => principal)).to.deep.equal(['alice']);
  });

  it('refuses what nobody has signed, a stranger, or too few', async () => {
    const it1 = await offer();
    expect(refused(it1, {signature: null})).to.equal('UNSIGNED: the manifest is not signed');
    expect(refused(it1, signed(it1, mallory))).to.match(/^UNSIGNED: .* by no allowed signer .*is no allowed signer/);
    expect(refused(it1, signed(it1, alice), {threshold: 2})).to.match(/^UNSIGNED: .* by alice, and 2 distinct/);
    expect(refused(it1, signed(it1, alice, bob), {threshold: 2})).to.equal('accepted');
    expect(refused(it1, signed(await offer({generation: 5}), alice))).to.match(
      /^BAD_SIGNATURE: the signature of alice/,
    );
  });

  it('counts neither two keys of one person nor two names of one key as two', async () => {
    const it1 = await offer();
    const two = {threshold: 2};
    const both = signed(it1, alice, bob);
    expect(refused(it1, both, {...two, signers: `alice ${alice.text}\nalice ${bob.text}\n`})).to.match(/^UNSIGNED/);
    expect(refused(it1, both, {...two, signers: `alice,bob ${alice.text}\nbob ${bob.text}\n`})).to.match(/^UNSIGNED/);
    const names = `alice ${alice.text}\nbob ${alice.text}\ncarol ${bob.text}\n`;
    expect(refused(it1, signed(it1, alice, alice), {...two, signers: names})).to.match(/^UNSIGNED/);
    expect(refused(it1, both, {...two, signers: names})).to.equal('accepted');
  });

  it('refuses another host', async () => {
    const it1 = await offer({hosts: ['node-2', 'node-3']});
    expect(refused(it1, signed(it1, alice))).to.match(/^WRONG_HOST: .* for node-2, node-3, and this host is node-1/);
    expect(refused(it1, signed(it1, alice), {host: 'node-3'})).to.equal('accepted');
  });

  it('refuses an older generation, and another of the same number', async () => {
    const [it1, it2, other2] = [
      await offer(),
      await offer({generation: 2}),
      await offer({generation: 2, hosts: ['node-1']}),
    ];
    const known = knownOf(it2);
    expect(refused(it1, signed(it1, alice), {known})).to.match(
      /^ROLLED_BACK: .* generation 1, .* accepted generation 2/,
    );
    expect(refused(other2, signed(other2, alice), {known})).to.match(/^ROLLED_BACK: .* one number/);
    expect(accept(it2, signed(it2, alice), {known}).isNew).to.equal(false);
    const it3 = await offer({generation: 3});
    expect(accept(it3, signed(it3, alice), {known}).known).to.deep.equal(knownOf(it3));
  });

  it('lets expiry stop what is new, and never what was accepted before', async () => {
    const it1 = await offer({notAfter: '2026-11-30T11:30:00Z'});
    expect(refused(it1, signed(it1, alice))).to.match(/^EXPIRED/);
    expect(refused(it1, signed(it1, alice), {known: knownOf(it1)})).to.equal('accepted');
    expect(refused(it1, signed(it1, alice), {now: new Date('2026-11-30T11:30:00Z')})).to.equal('accepted');
    const leap = await offer({notAfter: '2026-12-31T23:59:60Z'});
    expect(refused(leap, signed(leap, alice))).to.equal('accepted');
  });

  it('tells a clock that is not set from an end', async () => {
    const it1 = await offer({notAfter: '2026-11-30T13:00:00Z'});
    const then = new Date(1000);
    expect(refused(it1, signed(it1, alice), {now: then})).to.match(
      /^CLOCK_NOT_SET: the clock says 1970-01-01T00:00:01Z/,
    );
    expect(refused(it1, signed(it1, alice), {now: then, known: knownOf(it1)})).to.equal('accepted');
    const endless = await offer();
    expect(refused(endless, signed(endless, alice), {now: then})).to.equal('accepted');
    // Clocks differ a little.
    expect(refused(it1, signed(it1, alice), {now: new Date(Date.parse(ISSUED) - 60_000)})).to.equal('accepted');
  });

  it('lets the dates of a key count for what is new alone', async () => {
    const it1 = await offer();
    const signers = `alice valid-after="20260101Z",valid-before="20261101Z" ${alice.text}\n`;
    expect(refused(it1, signed(it1, alice), {signers})).to.match(/^UNSIGNED: .*is not valid now/);
    expect(refused(it1, signed(it1, alice), {signers, known: knownOf(it1)})).to.equal('accepted');
    expect(refused(it1, signed(it1, alice), {signers, now: new Date(0)})).to.match(/^CLOCK_NOT_SET/);
  });

  it('refuses version 1 where it has to be signed, and takes it where not', async () => {
    const header = {devices: [], importKekKcv: new Uint8Array(5), login: null};
    const old = await readOffered([formatHeader(header)]);
    expect(refused(old, signed(old, alice))).to.match(/^BAD_INPUT: .* version 1/);
    const terms = {trust: null, host: 'node-1', known: null, now: NOW};
    expect(acceptManifest(old, {signature: null}, terms)).to.include({id: null, known: null});
  });

  it('lets hosts and dates count without signers too, but not generations', async () => {
    const terms = {trust: null, host: 'node-1', known: null, now: NOW};
    const stranger = await offer({hosts: ['node-2']});
    expect(() => acceptManifest(stranger, {signature: null}, terms)).to.throw(DekError, 'this host is node-1');
    const over = await offer({notAfter: '2026-11-30T11:30:00Z'});
    expect(() => acceptManifest(over, {signature: null}, terms)).to.throw(DekError, 'that is over');
    const [it1, known] = [await offer(), knownOf(await offer({generation: 2}))];
    expect(acceptManifest(it1, {signature: null}, {...terms, known}).generation).to.equal(1);
  });
});

describe('acceptance by a release', () => {
  it('takes what it lists, and nothing else', async () => {
    const [it2, it3] = [await offer({generation: 2}), await offer({generation: 3})];
    expect(accept(it3, released(alice, it3)).signers[0]!.principal).to.equal('alice');
    expect(refused(it2, released(alice, it3))).to.match(/^NOT_RELEASED/);
    expect(refused(it3, released(mallory, it3))).to.match(/^UNSIGNED: the release/);
    // The signature of a manifest is none of a release, nor the other way round.
    const {release} = released(alice, it3) as {release: Uint8Array};
    const wrong = SoftKey.signatures('dek-manifest', digestsOf(release), [alice]);
    expect(refused(it3, {release, signature: wrong})).to.match(/^UNSIGNED: .*another purpose/);
  });

  it('is the way back, which does not lower what the host knows', async () => {
    const [it2, it3] = [await offer({generation: 2}), await offer({generation: 3})];
    const known = knownOf(it3);
    expect(refused(it2, signed(it2, alice), {known})).to.match(/^ROLLED_BACK/);
    const back = accept(it2, released(alice, it3, it2), {known});
    expect(back).to.deep.include({generation: 2, isNew: false, known});
  });

  it('is no way back from a later generation than it lists, nor with a key that is out of use', async () => {
    const [it2, it3, it4] = [await offer({generation: 2}), await offer({generation: 3}), await offer({generation: 4})];
    const proof = released(alice, it3, it2);
    expect(refused(it2, proof, {known: knownOf(it4)})).to.match(/^ROLLED_BACK/);
    const other3 = knownOf(await offer({generation: 3, hosts: ['node-1']}));
    expect(refused(it2, proof, {known: other3})).to.match(/^ROLLED_BACK/);
    const signers = `alice valid-before="20261101Z" ${alice.text}\n`;
    expect(refused(it2, proof, {known: knownOf(it3), signers})).to.match(/^UNSIGNED/);
    expect(refused(it2, proof, {known: knownOf(it3), signers, now: new Date(0)})).to.match(/^UNSIGNED/);
  });

  it('lets a way back that is past its end in, but not as something new', async () => {
    const it2 = await offer({generation: 2, notAfter: '2026-11-30T11:30:00Z'});
    const it3 = await offer({generation: 3});
    const proof = released(alice, it3, it2);
    expect(refused(it2, proof, {known: knownOf(it3)})).to.equal('accepted');
    expect(refused(it2, proof)).to.match(/^EXPIRED/);
  });
});
