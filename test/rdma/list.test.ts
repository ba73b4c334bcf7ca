import {expect} from 'chai';
import {DekError} from '../../src/errors.js';
import {type DeviceInfo, foundAgain, selectDevice} from '../../src/rdma/list.js';

function device(name: string, nodeGuid: string, pciAddress?: string): {info: DeviceInfo} {
  const node = '/dev/infiniband/uverbs0';
  return {info: {name, node, nodeGuid, pciAddress, model: undefined, firmware: undefined, mlx5: true}};
}

const FIRST = device('mlx5_0', '506b:4b03:00c0:ffee', '0000:17:00.0');
const SECOND = device('mlx5_1', '506b:4b03:00c0:ffef', '0000:b1:00.1');
const OTHER_DOMAIN = device('mlx5_2', '506b:4b03:00c0:fff0', '0001:17:00.0');

function refusal(call: () => unknown): DekError {
  try {
    call();
  } catch (error) {
    if (error instanceof DekError) return error;
    throw error;
  }
  throw new Error('no error');
}

describe('selectDevice', () => {
  const names = [
    'mlx5_1',
    'MLX5_1',
    '0000:b1:00.1',
    '0000:B1:00.1',
    'b1:00.1',
    '506b:4b03:00c0:ffef',
    '506b4b0300c0ffef',
    '0x506b4b0300c0ffef',
    '0x506B4B0300C0FFEF',
  ];
  for (const name of names) {
    it(`finds a device by ${name}`, () => {
      expect(selectDevice([FIRST, SECOND, OTHER_DOMAIN], name)).to.equal(SECOND);
    });
  }

  it('needs no name when there is one device', () => {
    expect(selectDevice([SECOND])).to.equal(SECOND);
  });

  it('lists the devices when there are several and no name', () => {
    const error = refusal(() => selectDevice([FIRST, SECOND]));
    expect(error.code).to.equal('BAD_ARGUMENT');
    expect(error.message).to.contain('mlx5_0, mlx5_1');
  });

  it('refuses a short PCI address that two domains have', () => {
    const error = refusal(() => selectDevice([FIRST, SECOND, OTHER_DOMAIN], '17:00.0'));
    expect(error.code).to.equal('BAD_ARGUMENT');
    expect(error.message).to.contain('mlx5_0, mlx5_2');
    expect(selectDevice([FIRST, SECOND, OTHER_DOMAIN], '0001:17:00.0')).to.equal(OTHER_DOMAIN);
  });

  it('names what is there when nothing matches', () => {
    const error = refusal(() => selectDevice([FIRST, SECOND], 'mlx5_7'));
    expect(error.code).to.equal('NO_DEVICE');
    expect(error.message).to.equal('no RDMA device is called "mlx5_7"; there is mlx5_0, mlx5_1');
  });

  it('does not take an empty name for no name', () => {
    expect(refusal(() => selectDevice([FIRST], '')).code).to.equal('NO_DEVICE');
  });

  it('says what to check when there is no device', () => {
    const error = refusal(() => selectDevice([]));
    expect(error.code).to.equal('NO_DEVICE');
    expect(error.hint).to.contain('dek virtual create');
  });
});

describe('foundAgain', () => {
  const known = FIRST.info;
  const CASES: [what: string, devices: DeviceInfo[], found: string | undefined][] = [
    ['by its name in its place', [known, SECOND.info], 'mlx5_0'],
    [
      'in its place by another name',
      [
        {...known, name: 'mlx5_4'},
        {...SECOND.info, name: 'mlx5_0'},
      ],
      'mlx5_4',
    ],
    ['by its GUID in another place', [{...known, name: 'mlx5_4', pciAddress: '0000:18:00.0'}, SECOND.info], 'mlx5_4'],
    ['not where another has its name alone', [{...SECOND.info, name: 'mlx5_0'}], undefined],
    ['not while it is away', [SECOND.info], undefined],
  ];
  for (const [what, devices, found] of CASES) {
    it(`finds a NIC again ${what}`, () => {
      expect(foundAgain(devices, known)?.name).to.equal(found);
    });
  }

  it('finds a subfunction by its place on the auxiliary bus, as selectDevice does', () => {
    const sub = {...device('mlx5_3', '0').info, auxiliaryDevice: 'auxiliary/mlx5_core.sf.4'};
    expect(selectDevice([FIRST, {info: sub}], 'auxiliary/mlx5_core.sf.4').info).to.equal(sub);
    expect(foundAgain([known, {...sub, name: 'mlx5_7'}], sub)?.name).to.equal('mlx5_7');
  });
});
