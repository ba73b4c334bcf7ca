const ENTITIES: Readonly<Record<string, string>> = {'&lt;': '<', '&gt;': '>', '&amp;': '&', '&quot;': '"'};

/** Text as it stands in SVG and HTML, in an attribute too. */
export function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/"/g, '&quot;');
}

/** Text that stands in HTML so, as it reads. */
export function unescaped(html: string): string {
  return html
    .replace(/&#(x[0-9a-f]+|\d+);/gi, (_, code: string) => String.fromCodePoint(Number(code.replace(/^x/i, '0x'))))
    .replace(/&\w+;/g, (entity) => ENTITIES[entity] ?? entity);
}
