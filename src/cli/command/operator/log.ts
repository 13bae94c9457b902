/** `umbrad log`: levels at run time, and the newest lines. */
import { type LevelChange, type LevelsView, logComponents, logLevels } from "../../../admin/log/log-view.ts";
import { UmbradError } from "../../../engine/errors.ts";
import { durationText } from "../../duration.ts";
import { printable } from "../../output.ts";
import type { Session } from "../../session.ts";

export async function level(session: Session, words: readonly string[], options: { for?: number }): Promise<void> {
  const { output, admin } = session;
  const { for: forMs } = options;
  if (words.length === 0 || words.includes("reset")) {
    if (words.length > 1 || forMs !== undefined) throw usage("show and reset take nothing else");
    const client = await admin();
    const path = "/v1/log/level";
    const view = words.length === 0 ? await client.get<LevelsView>(path) : await client.delete<LevelsView>(path);
    return output.answer(view, levelsText(view));
  }
  const changes = words.map(levelChange);
  const view = await (await admin()).post<LevelsView>("/v1/log/level", { changes, ...(forMs && { forMs }) });
  output.answer(view, levelsText(view));
  if (forMs !== undefined) output.note(`Taken back in ${durationText(forMs)}.`);
}

function levelChange(word: string): LevelChange {
  const [first = "", second] = word.split("=");
  const level = logLevels.find((known) => known === (second ?? first));
  if (level === undefined) throw usage(`${JSON.stringify(second ?? first)} is no level: ${logLevels.join(", ")}`);
  if (second === undefined) return { level };
  const component = logComponents.find((known) => known === first);
  if (component === undefined) throw usage(`${JSON.stringify(first)} is no component: ${logComponents.join(", ")}`);
  return { component, level };
}

function usage(what: string): UmbradError {
  return new UmbradError("cli/usage", what, { hint: "umbrad log level waku=debug --for 10m, umbrad log level info" });
}

function levelsText({ level, components, overrides }: LevelsView): string {
  const own = Object.entries(components).map(([component, value]) => `${component}=${value}`);
  const changed = overrides.map(({ component, level: value, until }) => {
    return `${component === null ? "" : `${component}=`}${value} since a command, until ${until ?? "the daemon ends"}`;
  });
  return [[level, ...own].join(" "), ...changed].join("\n");
}

export interface TailOptions {
  readonly level?: string;
  readonly component?: string;
  readonly lines?: number;
  readonly follow?: boolean;
}

export async function tail({ admin, output, timeoutMs }: Session, options: TailOptions): Promise<void> {
  const query = new URLSearchParams({ follow: String(options.follow === true) });
  if (options.level !== undefined) query.set("level", options.level);
  if (options.component !== undefined) query.set("component", options.component);
  if (options.lines !== undefined) query.set("lines", String(options.lines));
  const stream = await (await admin()).lines(`/v1/log?${query}`);
  let isTimeOver = false;
  const end = (): void => {
    isTimeOver = true;
    stream.close();
  };
  let count = 0;
  const timer = options.follow === true && timeoutMs !== undefined ? setTimeout(end, timeoutMs) : undefined;
  try {
    for await (const line of stream.lines) {
      const value: Record<string, unknown> = JSON.parse(line);
      await output.record(value, lineText(value));
      count += 1;
    }
    if (count === 0 && options.follow !== true) output.note("No such line is kept.");
  } finally {
    clearTimeout(timer);
    stream.close();
  }
  if (options.follow === true && !isTimeOver) {
    throw new UmbradError("admin/stream-ended", "the daemon ended the stream", { hint: "umbrad status" });
  }
}

function lineText(line: Record<string, unknown>): string {
  const { time, level: of, component, event, msg, ...rest } = line;
  const fields = Object.entries(rest).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return printable([time ?? "-", of ?? "-", component, event, msg, ...fields].map(String).join("  "));
}
