/** vcx(1), one page for all commands of the package virtual-connectx. Pure: its commands in, the page out. */
import type {Command, Interfaces} from '@oclif/core';
import {commandParts, DATE, exampleLines, paragraphs, synopsis} from '../man-page.js';

const ABOUT = `
vcx makes an mlx5 NIC in software, a virtual ConnectX, and runs programs on it: the unmodified libibverbs and libmlx5,
with any program that uses them. No hardware, no kernel module and no privilege is needed. It is a library below those
two, which the dynamic linker puts in front of a program, and a file for each NIC, which programs share.

Two processes can talk to each other on one NIC, or on two of a directory. Nothing leaves the host.`;

const EXIT: readonly (readonly [string, string])[] = [
  ['0', 'It was done.'],
  ['1', 'It failed.'],
  ['2', 'The words of the command line are wrong, or a value is.'],
  ['3', 'There is no virtual ConnectX, or no file, of that name.'],
  ['4', 'It was not permitted.'],
  ['5', 'There is something of that name, or another process is at it.'],
];

export function vcxPage(manifest: Pick<Interfaces.Manifest, 'commands'>): string {
  const commands = Object.values(manifest.commands);
  return [
    `.Dd ${DATE}`,
    '.Dt VCX 1',
    '.Os',
    '.Sh NAME',
    '.Nm vcx',
    '.Nd a virtual ConnectX: an mlx5 NIC in software',
    '.Sh SYNOPSIS',
    ...commands.flatMap((command) => synopsis(`vcx ${command.id}`, command)),
    '.Sh DESCRIPTION',
    ...paragraphs(ABOUT),
    ...commands.flatMap((command) => [`.Ss vcx ${command.id}`, ...commandParts(command)]),
    '.Sh ENVIRONMENT',
    '.Nm vcx exec',
    'sets these for what it runs:',
    '.Bl -tag -width Ds',
    ...['.It Ev LD_PRELOAD', 'The library of the virtual ConnectX, before what was there.'],
    ...['.It Ev SYSFS_PATH', 'Where libibverbs looks for NICs.'],
    ...['.It Ev SYSFS_PCI_DEVICES', 'Where DPDK does.'],
    ...['.It Ev DEK_VIRTUAL', 'The directory of the virtual ConnectX.'],
    '.El',
    '.Sh EXIT STATUS',
    '.Bl -tag -width Ds',
    ...EXIT.flatMap(([status, text]) => [`.It ${status}`, text]),
    '.El',
    '.Pp',
    '.Nm vcx exec',
    'ends with the status of what it ran.',
    '.Sh EXAMPLES',
    'The first minute:',
    '.Dl $ vcx create nic',
    '.Dl $ vcx exec nic \\-\\- ibv_devinfo',
    ...commands.filter(({id}) => id !== 'exec').flatMap((command) => examplesOf(command)),
    '.Sh SEE ALSO',
    '.Xr ibv_devinfo 1 ,',
    '.Xr ld.so 8',
    '',
  ].join('\n');
}

function examplesOf({examples = []}: Command.Cached): string[] {
  return examples.filter((example) => typeof example !== 'string').flatMap((example) => exampleLines(example, false));
}
