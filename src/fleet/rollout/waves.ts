/** How far a rollout reaches with each wave: `1,10%,50%,100%`, each with those before it. */
import {DekError} from '../../errors.js';

/** The number of hosts that have been reached at the end of each wave, of so many. Throws BAD_ARGUMENT. */
export function parseWaves(text: string, hosts: number): number[] {
  const waves: number[] = [];
  for (const word of text.split(',')) {
    const [, digits, percent] = /^(\d{1,7})(%?)$/.exec(word) ?? [];
    const number = Number(digits);
    if (digits === undefined || number === 0 || (percent && number > 100)) throw wrong('of hosts, or shares of them');
    const reached = Math.min(hosts, percent ? Math.ceil((hosts * number) / 100) : number);
    // In a small fleet two waves may come to the same.
    if (reached > (waves.at(-1) ?? 0)) waves.push(reached);
  }
  if (waves.at(-1) === hosts || hosts === 0) return waves;
  throw wrong('that end with all hosts, 100%');
}

function wrong(what: string): DekError<'BAD_ARGUMENT'> {
  return new DekError('BAD_ARGUMENT', `--waves expected numbers ${what}`, {hint: '--waves 1,10%,50%,100%'});
}
