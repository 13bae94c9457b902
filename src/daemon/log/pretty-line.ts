/** A line of JSON for eyes. */

export function prettyLine(line: string): string {
  const { time, level, component, event, msg, err, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const clock = String(time).slice(11, 23);
  const fields = Object.entries({ event, ...rest }).map(([name, value]) => ` ${name}=${plain(value)}`);
  const stack = (err as { stack?: unknown } | undefined)?.stack;
  const trace = typeof stack === "string" ? `\n${stack}` : "";
  return `${clock} ${String(level).toUpperCase().padEnd(5)} ${String(component ?? "-").padEnd(8)} ${msg}${fields.join("")}${trace}\n`;
}

function plain(value: unknown): string {
  return typeof value === "string" && /^\S+$/.test(value) ? value : JSON.stringify(value);
}
