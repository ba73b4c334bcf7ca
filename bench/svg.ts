/** Charts as SVG: lines over two logarithmic axes, and groups of bars. Readable on a light and on a dark page. */

const [WIDTH, HEIGHT] = [900, 460];
const PLOT = {left: 80, right: 590, top: 56, bottom: 400} as const;
/** Of the names beside the lines. */
const NAME_PIXELS = 17;
const COLOURS = ['#2f81f7', '#e5534b', '#d4860b', '#2da44e', '#a371f7', '#17a2a2', '#c2549d', '#848d97'];
const STYLE = `text { font: 13px sans-serif; fill: #1f2328 } .title { font-size: 16px; font-weight: bold }
  .back { fill: #fff } .grid { stroke: #d1d9e0 } .line { fill: none; stroke-width: 2 }
  .end { text-anchor: end } .middle { text-anchor: middle }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .back { fill: #0d1117 } .grid { stroke: #3d444d } }`;

interface Axis {
  title: string;
  /** How a power of ten is written. */
  write: (value: number) => string;
}

interface Line {
  name: string;
  /** x and y, both above 0. */
  points: readonly (readonly [number, number])[];
}

/** Lines over logarithmic axes, each named at its right end. The first is drawn thick. */
export function lineChart(title: string, x: Axis, y: Axis, lines: readonly Line[]): string {
  const points = lines.flatMap((line) => line.points);
  const xs = decades(points.map((point) => point[0]));
  const ys = decades(points.map((point) => point[1]));
  const [left, right] = [PLOT.left, PLOT.right];
  const atX = (value: number): number => along(value, xs, left, right);
  const atY = (value: number): number => along(value, ys, PLOT.bottom, PLOT.top);

  const parts = [
    ...ys.map((value) => rule(left, atY(value), right, atY(value))),
    ...xs.map((value) => rule(atX(value), PLOT.top, atX(value), PLOT.bottom)),
    ...ys.map((value) => label(left - 8, atY(value) + 4, y.write(value), 'end')),
    ...xs.map((value) => label(atX(value), PLOT.bottom + 20, x.write(value), 'middle')),
    label((left + right) / 2, PLOT.bottom + 44, x.title, 'middle'),
    label(left, PLOT.top - 10, y.title, 'start'),
  ];
  const ends = lines.map((line, i) => ({line, i, y: atY(line.points.at(-1)![1])})).sort((a, b) => a.y - b.y);
  let free = PLOT.top - 4;
  for (const {line, i, y: endY} of ends) {
    const [colour, width] = [COLOURS[i % COLOURS.length]!, i === 0 ? 3.5 : 2];
    const path = line.points.map(([px, py]) => `${round(atX(px))},${round(atY(py))}`).join(' ');
    parts.push(`<polyline class="line" style="stroke: ${colour}; stroke-width: ${width}" points="${path}"/>`);
    const nameY = Math.max(endY, free);
    free = nameY + NAME_PIXELS;
    parts.push(`<circle cx="${right + 14}" cy="${round(nameY)}" r="5" fill="${colour}"/>`);
    parts.push(label(right + 25, nameY + 4, line.name, 'start'));
  }
  return picture(title, parts);
}

interface BarGroup {
  name: string;
  /** One for each of the chart's names. */
  values: readonly number[];
}

/** Bars that lie on their side, with their values, in groups; `names` says what the bars of each group are. */
export function barChart(title: string, names: readonly string[], groups: readonly BarGroup[]): string {
  const most = Math.max(...groups.flatMap((group) => group.values));
  const [left, right] = [PLOT.left + 90, WIDTH - 70];
  const step = (HEIGHT - PLOT.top - 24) / groups.length;
  const thick = (step * 0.76) / names.length;
  const parts = groups.flatMap((group, g) => [
    label(left - 8, PLOT.top + 20 + step * (g + 0.38) + 4, group.name, 'end'),
    ...group.values.flatMap((value, i) => {
      const [y, width] = [PLOT.top + 20 + step * g + thick * i, ((right - left) * value) / most];
      const box = `x="${left}" y="${round(y)}" width="${round(width)}" height="${round(thick - 1)}"`;
      return [
        `<rect ${box} fill="${COLOURS[i]}"/>`,
        label(left + width + 5, y + thick / 2 + 4, value.toFixed(1), 'start'),
      ];
    }),
  ]);
  const key = names.flatMap((name, i) => [
    `<circle cx="${24 + i * 270}" cy="${PLOT.top}" r="5" fill="${COLOURS[i]}"/>`,
    label(34 + i * 270, PLOT.top + 4, name, 'start'),
  ]);
  return picture(title, [...key, ...parts]);
}

function picture(title: string, parts: readonly string[]): string {
  const size = `viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" aria-label="${escapeXml(title)}">
<style>${STYLE}</style>
<rect class="back" width="${WIDTH}" height="${HEIGHT}"/>
<text class="title" x="16" y="26">${escapeXml(title)}</text>
${parts.join('\n')}
</svg>
`;
}

/** The powers of ten from below the least to above the most. */
function decades(values: readonly number[]): number[] {
  const [first, last] = [Math.floor(Math.log10(Math.min(...values))), Math.ceil(Math.log10(Math.max(...values)))];
  return Array.from({length: last - first + 1}, (_, i) => Number(`1e${first + i}`));
}

function along(value: number, scale: readonly number[], from: number, to: number): number {
  const [first, last] = [Math.log10(scale[0]!), Math.log10(scale.at(-1)!)];
  return from + ((Math.log10(value) - first) / (last - first)) * (to - from);
}

function rule(x1: number, y1: number, x2: number, y2: number): string {
  return `<line class="grid" x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"/>`;
}

function label(x: number, y: number, text: string, anchor: 'start' | 'middle' | 'end'): string {
  return `<text class="${anchor}" x="${round(x)}" y="${round(y)}">${escapeXml(text)}</text>`;
}

function round(value: number): string {
  return value.toFixed(1);
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
