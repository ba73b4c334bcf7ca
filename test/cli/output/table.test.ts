import {expect} from 'chai';
import {factLines, tableLines} from '../../../src/cli/output/table.js';

describe('table', () => {
  it('lines up its columns and leaves no space at the end of a line', () => {
    const rows = [
      ['vol-1', 'READY', ''],
      ['a-long-name', 'ERROR', 'x'],
    ];
    expect(tableLines(['NAME', 'STATE', 'OPAQUE'], rows)).to.deep.equal([
      'NAME         STATE  OPAQUE',
      'vol-1        READY',
      'a-long-name  ERROR  x',
    ]);
  });

  it('without rows is its heading', () => {
    expect(tableLines(['NAME', 'STATE'], [])).to.deep.equal(['NAME  STATE']);
  });

  it('lines up the values of facts', () => {
    const facts = [
      ['device', 'mlx5_0'],
      ['import mode', 'wrapped'],
    ] as const;
    expect(factLines(facts)).to.deep.equal(['device:       mlx5_0', 'import mode:  wrapped']);
  });
});
