/** A view that stays on the terminal and is drawn again in its place: `--watch`. */
import * as Flags from '@oclif/core/flags';
import {DekError} from '../../errors.js';
import {printable} from '../../printable.js';
import {painted, type Screen, screen} from '../output/screen.js';
import {stopSignal} from './stop-signal.js';

export const watchFlag = Flags.boolean({
  description: 'stay on the terminal and show it anew as it changes, until Ctrl-C',
  exclusive: ['follow', 'json'],
});

/** The lines for the terminal as it is now. */
export type View = (on: Screen) => readonly string[];

const USUAL_ROWS = 24;

/**
 * Draws each view in the place of the one before, until Ctrl-C, and ends the process with `process.exitCode`, which
 * the views set. They end when their signal fires. Throws BAD_ARGUMENT where standard output is no terminal; what
 * `views` throws.
 */
export async function watch(views: (signal: AbortSignal) => AsyncIterable<View>): Promise<never> {
  if (!process.stdout.isTTY) {
    throw new DekError('BAD_ARGUMENT', '--watch needs a terminal', {hint: 'for a program or a file: --follow, --json'});
  }
  const stop = new AbortController();
  const stopped = stopSignal().then(() => stop.abort());
  const place = new Place();
  const shown = (async () => {
    for await (const view of views(stop.signal)) place.draw(view);
  })();
  await Promise.race([stopped, shown]);
  place.leave();
  process.exit();
}

/** The rows of the terminal that the view has. Nothing is hidden and no mode is set: a killed watch leaves no trace. */
class Place {
  #rows = 0;
  #view: View = () => [];
  readonly #resized = (): void => {
    this.#rows = 0;
    process.stdout.write('\x1b[2J\x1b[H'); // its lines may have been broken anew
    this.draw(this.#view);
  };

  constructor() {
    process.stdout.on('resize', this.#resized);
  }

  draw(view: View): void {
    this.#view = view;
    const on = terminal();
    const lines = cut(view(on), (process.stdout.rows || USUAL_ROWS) - 1);
    const text = lines.map((line) => `${painted(printable(line).slice(0, on.width), on)}\x1b[K\n`).join('');
    process.stdout.write(`${this.#rows > 0 ? `\x1b[${this.#rows}A` : ''}\r${text}\x1b[J`);
    this.#rows = lines.length;
  }

  /** The last view stays; what comes next has a line of its own, below the ^C that the terminal shows. */
  leave(): void {
    process.stdout.off('resize', this.#resized);
    process.stdout.write('\n');
  }
}

/** As wide as it is, whatever COLUMNS says: it would break a longer line, and what is drawn next stand below it. */
function terminal(): Screen {
  const on = screen();
  return {...on, width: Math.min(on.width, process.stdout.columns || on.width)};
}

/** No more lines than there are rows: else what is drawn next would stand below it. */
function cut(lines: readonly string[], rows: number): readonly string[] {
  if (lines.length <= rows) return lines;
  const shown = lines.slice(0, Math.max(0, rows - 1));
  return [...shown, `... and ${lines.length - shown.length} more lines`];
}
