/** A few scenarios of the soak test, other ones each time: `npm run test:soak` plays them for as long as it is told. */
import {randomInt} from 'node:crypto';
import {expect} from 'chai';
import {play} from './play.js';
import {asCommands, scenarioOf} from './scenario.js';

const SCENARIOS = 3;
const seed = randomInt(2 ** 31);

describe('an agent under random faults', () => {
  it('a scenario follows from its seed', () => {
    expect(scenarioOf(7, 3)).to.deep.equal(scenarioOf(7, 3));
    expect(asCommands(scenarioOf(7, 3))).to.not.deep.equal(asCommands(scenarioOf(8, 3)));
  });

  for (let number = 0; number < SCENARIOS; number++) {
    it(`says what its NICs have: npm run test:soak -- --seed ${seed} --scenario ${number}`, async () => {
      const scenario = scenarioOf(seed, number);
      const failure = await play(scenario);
      expect(failure, asCommands(scenario).join('\n')).to.equal(undefined);
    });
  }
});
