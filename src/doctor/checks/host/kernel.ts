/** The kernel: what its version lets services and officers do. */
import {release} from 'node:os';
import {isSafeKernel} from '../../../agent/lending/kernel.js';
import {type Check, found, well} from '../../check.js';

export const kernel: Check = {
  name: 'kernel',
  verdicts: {
    'kernel-before-5.13': {
      level: 'note',
      text: 'before Linux 5.13 two processes of one context may get one doorbell page: services cannot attach',
      fix: 'let services lend their contexts instead, or update the kernel: dek-agent(8), --allow-old-kernel',
      basis: {seen: 'the kernel: the fix of mlx5_ib in 5.13'},
    },
    'no-fwctl': {
      level: 'note',
      text: 'the kernel has no fwctl for mlx5: dek officer needs a firmware that lets DEVX at its registers',
      fix: 'for a crypto officer: Linux 6.15 or later with the module mlx5_fwctl; dek officer status tells the way',
      basis: {seen: 'the kernel: drivers/fwctl/mlx5, since 6.15'},
    },
  },
  look(scene) {
    const version = scene.options.kernel ?? release();
    const seen = `Linux ${version}`;
    if (!isSafeKernel(version)) return [found('kernel-before-5.13', seen)];
    const devices = scene.devices();
    const hasNic = Array.isArray(devices) && devices.some(({mlx5}) => mlx5);
    const fwctl = scene.sysfsNames('class/fwctl');
    if (hasNic && fwctl.length === 0) return [found('no-fwctl', seen)];
    return [well(fwctl.length === 0 ? seen : `${seen}, ${fwctl.join(', ')}`)];
  },
};
