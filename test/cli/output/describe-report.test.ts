import {expect} from 'chai';
import {describeReport} from '../../../src/cli/output/describe-report.js';
import type {ReportLine} from '../../../src/doctor/examine.js';

const line = (level: ReportLine['level'], check: string, more: Partial<ReportLine> = {}): ReportLine => {
  const isWell = level === 'ok';
  const words = {text: isWell ? null : `${check} is bad`, fix: isWell ? null : 'mend it'};
  return {check, of: null, seen: 'this', verdict: isWell ? null : check, level, ...words, ...more};
};
const report = (...lines: ReportLine[]) => ({
  ok: false,
  toFix: lines.filter(({level}) => level === 'fix').length,
  toNote: lines.filter(({level}) => level === 'note').length,
  lines,
});

describe('describeReport', () => {
  it('says first how much there is, then what is to be fixed, to be noted, and well', () => {
    const lines = describeReport(report(line('ok', 'a'), line('note', 'b'), line('fix', 'c', {of: 'mlx5_0'})));
    expect(lines).to.deep.equal([
      '1 to fix, 1 to note (3 things looked at); begin with the first',
      'FIX  c mlx5_0: c is bad',
      '     seen: this',
      '     fix:  mend it',
      'note  b: b is bad',
      '     seen: this',
      '     fix:  mend it',
      'ok  a: this',
    ]);
  });

  it('has colours only when told so', () => {
    const coloured = describeReport(report(line('fix', 'a'), line('ok', 'b')), {width: 80, colour: true}).join('\n');
    expect(coloured).to.contain('\x1b[31mFIX\x1b[0m  a: a is bad').and.to.contain('\x1b[32mok\x1b[0m  b: this');
  });

  it('keeps to 80 columns, and lets nothing through that moves the cursor', () => {
    const long = 'word '.repeat(60).trim();
    const lines = describeReport(report(line('fix', 'a', {seen: `\x1b[2J${long}`}), line('ok', 'b', {seen: long})));
    for (const text of lines) expect(text.length, text).to.be.at.most(80);
    expect(lines.join('\n')).to.contain('\\x1b[2J');
  });
});
