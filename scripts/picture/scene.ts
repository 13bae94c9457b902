/** Which lines of the demonstration are in README.md's picture of a terminal. */

/** Nothing is cut whose length before the cut differs from run to run. */
const COLUMNS = 112;

/** What is kept, and of each how many at most: enough to see the story. */
const kept: readonly (readonly [RegExp, number])[] = [
  [/^== (?!What each of them)/, 9],
  [/^\$ npx umbrad devnet /, 1],
  [/^\$ npx umbrad (?:init|run) --state-dir \.demo\/alice /, 2],
  [/^\$ npx umbrad invite accept /, 1],
  [/^ {2}\{"conversation":"c1",/, 1],
  [/^\$ npx umbrad listen /, 1],
  [/^ {2}\d+ {2}\S+ {2}c[01] {2}(?:invite|conversation|message)\./, 4],
  [/^\$ npx umbrad send /, 2],
  [/^ {2}[0-9a-f]{32} delivered$/, 2],
  [/^ {2}content topic /, 1],
  [/^ {2}\/umbra\/1\/b8-/, 4],
  [/^ {2}\d+ envelopes, /, 1],
];

/** The picture's lines, of the whole output of `npm run demo`. */
export function sceneOf(output: string): readonly string[] {
  const counts = kept.map(() => 0);
  const lines: string[] = [];
  for (const line of output.split("\n")) {
    const index = kept.findIndex(([pattern]) => pattern.test(line));
    const count = counts[index];
    if (count === undefined || count >= (kept[index]?.[1] ?? 0)) continue;
    counts[index] = count + 1;
    if (line.startsWith("== ") && lines.length > 0) lines.push("");
    lines.push(line.length > COLUMNS ? `${line.slice(0, COLUMNS - 1)}…` : line);
  }
  return lines;
}

/** A line without what differs from run to run. */
export function stableLine(line: string): string {
  return line
    .replace(/logos_umbraintro_1_\S+/, "LINK")
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/, "TIME")
    .replace(/\/ip4\/\S+/, "ADDRESS")
    .replaceAll(/\b(?:[0-9a-f]{2,}|\d+)\b/g, "#")
    .replaceAll(/ +/g, " ");
}
