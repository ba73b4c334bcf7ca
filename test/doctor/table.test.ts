import {expect} from 'chai';
import {PROBE_VERDICTS} from '../../src/doctor/checks/nic/probe.js';
import {CHECKS} from '../../src/doctor/table.js';
import {OF_AGENT, OF_FLEET, OF_HOST} from './halves.js';

describe('the checks of dek doctor', () => {
  it('are each caused in one file of tests', () => {
    const names = (checks: typeof CHECKS): string[] => checks.map(({name}) => name).sort();
    expect(names([...OF_HOST, ...OF_AGENT, ...OF_FLEET])).to.deep.equal(names(CHECKS));
  });

  it('have a verdict of a name once', () => {
    const all = [...CHECKS.map(({verdicts}) => verdicts), PROBE_VERDICTS].flatMap((verdicts) => Object.keys(verdicts));
    expect(new Set(all).size).to.equal(all.length);
  });

  it('say in one line what is wrong, and in one what to do', () => {
    for (const {verdicts} of CHECKS) {
      for (const [name, {text, fix}] of Object.entries(verdicts)) {
        expect(`${text}${fix}`, name)
          .to.match(/^[^\n.]/)
          .and.not.contain('\n');
        expect(text.length, name).to.be.at.most(120);
      }
    }
  });
});
