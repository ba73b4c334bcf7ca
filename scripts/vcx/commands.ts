/**
 * The commands of `vcx`, the command line of the package virtual-connectx: those of `dek virtual`, by what oclif knows
 * of them. One rule makes every text of that package: `dek virtual` is `vcx`.
 */
import type {Interfaces} from '@oclif/core';

const PREFIX = 'virtual:';

/** A text of dek as the package has it. */
export function spoken(text: string): string {
  return text.replaceAll('dek virtual', 'vcx');
}

/** The commands `create`, `exec`, `set` and `show`, from those of dek. */
export function vcxCommands({commands}: Interfaces.Manifest): Pick<Interfaces.Manifest, 'commands'> {
  const own = Object.entries(commands).filter(([id]) => id.startsWith(PREFIX));
  const named = own.map(([id, command]) => [id.slice(PREFIX.length), {...command, id: id.slice(PREFIX.length)}]);
  return {commands: JSON.parse(spoken(JSON.stringify(Object.fromEntries(named))))};
}
