/** A terminal as an SVG: one text element a line, nothing but text and two rectangles. */

const LINE_HEIGHT = 18;
const COLUMN_WIDTH = 7.85;
const MARGIN = 16;

/** Of a heading, a command, and what is printed. */
const colours = { "==": "#7fd1c7", $: "#f2f2f2", "": "#a9b1bd" } as const;

/** Lines as they stand on a screen. */
export function svgOf(lines: readonly string[]): string {
  const columns = Math.max(...lines.map((line) => line.length));
  const width = Math.ceil(columns * COLUMN_WIDTH) + 2 * MARGIN;
  const height = lines.length * LINE_HEIGHT + 2 * MARGIN;
  const texts = lines.map((line, index) => {
    const start = line.startsWith("==") ? "==" : line.startsWith("$") ? "$" : "";
    const y = MARGIN + (index + 1) * LINE_HEIGHT - 5;
    return `<text x="${MARGIN}" y="${y}" fill="${colours[start]}">${escaped(line)}</text>`;
  });
  const font = `font-family="ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="13"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<title>What npm run demo prints</title>
<rect width="${width}" height="${height}" rx="8" fill="#16191f"/>
<g ${font} xml:space="preserve">
${texts.join("\n")}
</g>
</svg>
`;
}

/** The lines that are in it. */
export function linesOf(svg: string): readonly string[] {
  return [...svg.matchAll(/<text [^>]*>([^<]*)<\/text>/g)].map(([, text = ""]) =>
    text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&"),
  );
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
