import {expect} from 'chai';
import {REASONS} from '../../../src/agent/proof.js';
import {PROOF_VERDICTS} from '../../../src/agent/proof-words.js';
import {PROBE_VERDICTS} from '../../../src/doctor/checks/nic/probe.js';
import {knownErrnos} from '../../../src/doctor/explain/errnos.js';
import {explain, knownWords} from '../../../src/doctor/explain/explain.js';
import {knownSyndromes} from '../../../src/doctor/explain/firmware.js';
import {CHECKS} from '../../../src/doctor/table.js';
import {CAUSES} from '../../../src/rdma/refusal/causes.js';
import {STATUSES, syndromeText} from '../../../src/rdma/refusal/status.js';
import {runDek} from '../../support/process/run-dek.js';

describe('explain', () => {
  for (const [name, number] of Object.entries(STATUSES)) {
    it(`status ${name}, by its name and by its number`, () => {
      const {explanations, isKnown} = explain(name);
      expect(isKnown).to.equal(true);
      expect(explain(`0x${number.toString(16)}`)).to.deep.equal({explanations, isKnown});
      expect(explain(`mlx5_cmd_stat_${name.toLowerCase()}_err`).explanations).to.deep.equal(explanations);
      const causes = CAUSES.filter(({status}) => status === name).flatMap(({asked, text}) => asked.map(() => text));
      expect(explanations.slice(1).map(({text}) => text)).to.deep.equal(causes);
    });
  }

  for (const name of knownErrnos()) {
    it(`errno ${name}, each meaning once for a call`, () => {
      const {explanations} = explain(name);
      const keys = explanations.map(({of, text}) => `${of}: ${text}`);
      expect(keys).to.have.length.of.at.least(1);
      expect(new Set(keys).size).to.equal(keys.length);
      for (const {text, basis} of explanations) expect([text, basis]).not.to.include('');
    });
  }

  for (const syndrome of knownSyndromes()) {
    it(`syndrome ${syndromeText(syndrome)}`, () => {
      const {explanations, isKnown} = explain(syndromeText(syndrome));
      expect([explanations.length, isKnown]).to.deep.equal([1, true]);
    });
  }

  for (const word of [...Object.keys(PROOF_VERDICTS), ...Object.keys(REASONS)]) {
    it(`verdict ${word} of a proof`, () => expect(explain(word).explanations[0]!.kind).to.equal('proof'));
  }

  for (const {verdicts} of [...CHECKS, {verdicts: PROBE_VERDICTS}]) {
    for (const [word, {text, fix}] of Object.entries(verdicts)) {
      it(`verdict ${word} of dek doctor, also where a proof has the word too`, () => {
        const own = explain(word).explanations.filter(({kind}) => kind === 'doctor');
        expect(own.map((one) => [one.text, one.next])).to.deep.equal([[text, fix]]);
      });
    }
  }

  it('has a test above for every word that it lists, and lists every word of its tables', () => {
    const {errnos, statuses, verdicts} = knownWords();
    expect(errnos).to.deep.equal(knownErrnos());
    expect(statuses).to.deep.equal(Object.keys(STATUSES));
    const doctor = [...CHECKS, {verdicts: PROBE_VERDICTS}].flatMap((check) => Object.keys(check.verdicts));
    expect(new Set(verdicts)).to.deep.equal(
      new Set([...Object.keys(PROOF_VERDICTS), ...Object.keys(REASONS), ...doctor]),
    );
  });

  it('has each cause of a refusal under its status, with what it rests on', () => {
    for (const {status, asked, text, hint, basis} of CAUSES) {
      const found = explain(status).explanations.filter((one) => one.text === text);
      expect(found, text).to.have.length(asked.length);
      for (const one of found) expect([one.next, one.basis]).to.deep.equal([hint, basis]);
    }
  });

  it('lists each word once', () => {
    for (const words of Object.values(knownWords())) expect(new Set(words).size).to.equal(words.length);
  });

  it('tells causes of a refused key apart', () => {
    const texts = explain('EINVAL').explanations.filter(({of}) => of?.startsWith('a DEK'));
    expect(texts.map(({of}) => of)).to.deep.equal([
      'a DEK',
      'a DEK in plaintext',
      'a DEK while the login is INVALID',
      'a DEK while the login is NO_LOGIN',
    ]);
  });

  it('says of every claim whether it was seen, and where', () => {
    for (const word of Object.values(knownWords()).flat()) {
      for (const {basis} of explain(word).explanations) {
        if (basis !== 'assumed') expect(basis.seen).to.match(/\w/);
      }
    }
  });

  it('knows that it does not know a syndrome', () => {
    expect(explain('0x35e6ec').isKnown).to.equal(false);
    expect(explain('ECHILD').isKnown).to.equal(false);
    for (const number of ['0', '00', '4000']) expect(() => explain(number)).to.throw(`no explanation of "${number}"`);
    expect(() => explain('EWHAT')).to.throw('no explanation of "EWHAT"');
  });

  it('prints lines that fit a terminal, and exits with 3 for what nobody knows', async () => {
    const known = await runDek(['explain', 'EINVAL']);
    expect(known.status).to.equal(0);
    expect(known.stdout.toString()).to.contain('basis: seen in libmlx5');
    for (const line of known.stdout.toString().split('\n')) expect(line.length).to.be.at.most(80);
    const unknown = await runDek(['explain', '0x35e6ec', '--json']);
    expect([unknown.status, JSON.parse(unknown.stdout.toString()).known]).to.deep.equal([3, false]);
    expect((await runDek(['explain', 'EWHAT'])).status).to.equal(2);
    expect((await runDek(['explain'])).stdout.toString()).to.contain('errnos: EACCES');
  });
});
