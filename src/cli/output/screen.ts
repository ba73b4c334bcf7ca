/** What text is written on: a terminal has a width and colours, a pipe or a file takes all of it as it is. */

export interface Screen {
  /** Columns; Infinity where a line may have any length. */
  readonly width: number;
  readonly colour: boolean;
}

/** A pipe or a file. */
export const ENDLESS: Screen = {width: Number.POSITIVE_INFINITY, colour: false};

const USUAL_WIDTH = 80;

/** That of standard output. COLUMNS counts before what the terminal says, NO_COLOR and TERM=dumb switch colours off. */
export function screen(
  {isTTY, columns}: {isTTY?: boolean; columns?: number} = process.stdout,
  env: NodeJS.ProcessEnv = process.env,
): Screen {
  if (!isTTY) return ENDLESS;
  const asked = Number(env['COLUMNS']);
  const width = Number.isInteger(asked) && asked > 0 ? asked : columns || USUAL_WIDTH;
  return {width, colour: !env['NO_COLOR'] && env['TERM'] !== 'dumb'};
}

/** SGR of what is good, to be noted, and bad. */
const COLOURS = {good: 32, note: 33, bad: 31} as const;

export function paint(text: string, how: keyof typeof COLOURS, {colour}: Screen): string {
  return colour ? `\x1b[${COLOURS[how]}m${text}\x1b[0m` : text;
}

/** What a line may begin with that says how something is. */
const STATES: Readonly<Record<string, keyof typeof COLOURS>> = {
  READY: 'good',
  well: 'good',
  'NOT READY': 'bad',
  'not ready': 'bad',
  down: 'bad',
  behind: 'note',
};

const STATE = new RegExp(`^((?:state:)? *)(${Object.keys(STATES).join('|')})\\b`);

/** A line that begins with a state, with its colour. */
export function painted(line: string, on: Screen): string {
  return line.replace(STATE, (_all, before, state) => `${before}${paint(state, STATES[state]!, on)}`);
}

/** `text` in at most `width` columns: what is in its middle left out, so that its ends tell it from others. */
export function shortened(text: string, width: number): string {
  if (text.length <= width) return text;
  if (width <= 3) return text.slice(0, Math.max(0, width));
  const head = Math.ceil((width - 3) / 2);
  return `${text.slice(0, head)}...${text.slice(text.length - (width - 3 - head))}`;
}
