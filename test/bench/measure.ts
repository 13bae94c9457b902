/** Measuring on a shared machine: cases interleaved with rotating order, medians, and ratios rather than numbers. */

/** Runs every case once a round, each round beginning with another one; returns the results by case. */
export async function interleave<Result>(
  cases: ReadonlyMap<string, () => Result | Promise<Result>>,
  rounds: number,
): Promise<Map<string, Result[]>> {
  const names = [...cases.keys()];
  const results = new Map<string, Result[]>(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (let index = 0; index < names.length; index += 1) {
      const name = names[(round + index) % names.length] as string;
      const result = await cases.get(name)?.();
      results.get(name)?.push(result as Result);
    }
  }
  return results;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** `median (min..max)`. */
export function spread(values: readonly number[], digits = 0): string {
  const [low, middle, high] = [Math.min(...values), median(values), Math.max(...values)];
  return `${middle.toFixed(digits)} (${low.toFixed(digits)}..${high.toFixed(digits)})`;
}

export function printTable(head: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  const lines = [head, ...rows.map((row) => row.map(String))];
  const widths = head.map((_, column) => Math.max(...lines.map((line) => String(line[column] ?? "").length)));
  for (const line of lines)
    console.log(line.map((cell, column) => String(cell).padStart(widths[column] ?? 0)).join("  "));
}

export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
