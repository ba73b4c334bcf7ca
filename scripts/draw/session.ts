/**
 * The record of a terminal session as a picture. In its text, `$ ` begins a command line and `> ` its next one, `# ` a
 * comment, `[exit N]` tells an exit status, and `{VALUE}` is one that differs each time; the rest is output.
 */
import {escaped} from './escape.js';

const COLUMNS = 96;
const CHARACTER = {width: 7.85, height: 19} as const;
const MARGIN = {x: 18, top: 50, bottom: 14} as const;
/** Of the frame, with its three buttons. */
const BAR = 34;
const STYLE = `text { font: 13px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #1f2328;
  white-space: pre } .command { font-weight: bold } .prompt { fill: #0969da } .comment, .exit { fill: #59636e }
  .error { fill: #cf222e } .hint { fill: #7d4e00 } .back { fill: #f6f8fa; stroke: #d1d9e0 } .bar { fill: #d1d9e0 }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .prompt { fill: #4493f8 }
  .comment, .exit { fill: #9198a1 } .error { fill: #ff7b72 } .hint { fill: #d29922 }
  .back { fill: #0d1117; stroke: #3d444d } .bar { fill: #3d444d } }`;

/** The picture of a session, as SVG. */
export function drawSession(text: string): string {
  const lines = withoutMarks(text).trimEnd().split('\n').flatMap(drawnLines);
  const width = Math.ceil(COLUMNS * CHARACTER.width) + 2 * MARGIN.x;
  const height = MARGIN.top + lines.length * CHARACTER.height + MARGIN.bottom;
  const name = 'A terminal session with dek on a virtual ConnectX';
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${name}">`,
    `<title>${name}</title>`,
    `<style>${STYLE}</style>`,
    `<rect class="back" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8"/>`,
    ...[0, 1, 2].map((i) => `<circle class="bar" cx="${20 + i * 18}" cy="${BAR / 2}" r="5"/>`),
    `<path class="bar" d="M0.5 ${BAR}h${width - 1}v1h-${width - 1}z"/>`,
    ...lines.flatMap((line, i) => (line === '' ? [] : at(MARGIN.top + (i + 0.5) * CHARACTER.height, line))),
    '</svg>\n',
  ].join('\n');
}

/** The text without the marks of what differs each time. */
export function withoutMarks(text: string): string {
  return text.replace(/\{([^{}\n]*)\}/g, '$1');
}

function at(y: number, spans: string): string {
  return `<text x="${MARGIN.x}" y="${y}">${spans}</text>`;
}

/** A line of the session as one of the picture, or several where it is longer than the terminal is wide. */
function drawnLines(line: string): string[] {
  const [, prompt = '', rest = line] = /^([$>] )(.*)$/.exec(line) ?? [];
  const kind = prompt === '' ? kindOf(line) : 'command';
  return pieces(rest, COLUMNS - prompt.length).map((piece, i) => {
    if (piece === '') return '';
    const before = prompt === '' ? '' : span('prompt', i === 0 ? prompt : '  ');
    return before + span(kind, piece);
  });
}

function kindOf(line: string): string {
  if (line.startsWith('# ')) return 'comment';
  if (line.startsWith('[exit ')) return 'exit';
  return /^(error|hint): /.exec(line)?.[1] ?? '';
}

function pieces(text: string, width: number): string[] {
  const found: string[] = [];
  for (let rest = text; ; rest = rest.slice(found.at(-1)!.length).replace(/^ /, '')) {
    if (rest.length <= width) return [...found, rest];
    const space = rest.lastIndexOf(' ', width);
    found.push(rest.slice(0, space > 0 ? space : width));
  }
}

function span(kind: string, text: string): string {
  return kind === '' ? escaped(text) : `<tspan class="${kind}">${escaped(text)}</tspan>`;
}
