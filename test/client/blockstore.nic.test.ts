/** A service that goes on while its agent is killed, keys are rotated and DEKs fail, for some seconds a road. */
import {expect} from 'chai';
import {play} from './play.js';

describe('blockstore', () => {
  for (const road of ['lend', 'attach'] as const) {
    it(`loses no block, by the road of ${road}`, async () => {
      const result = await play({road, seconds: 10, blocks: 4096, kills: 3, rotations: 1, errors: 1});
      const {report, status, compared, differing, before, after, log} = result;
      expect(report, log).to.include({blocks: 4096, wrong: 0});
      expect(status, log).to.equal(0);
      expect(report['failed'], 'failed by the ERROR').to.be.greaterThan(0);
      expect(report['recovered']).to.equal(report['failed']);
      expect(report[road === 'lend' ? 'reconnects' : 'moves']).to.equal(3);
      expect({compared, differing}).to.deep.equal({compared: report['written'], differing: 0});
      expect(compared).to.be.greaterThan(2048);
      expect(after).to.deep.equal(before);
    });
  }
});
