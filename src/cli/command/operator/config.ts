/** `umbrad config`: what the files, the environment and the defaults say. Asks no daemon. */
import { type LoadedConfig, loadConfig, resolveConfigFile } from "../../../daemon/config/config.ts";
import { configJsonSchema } from "../../../daemon/config/config-file.ts";
import { ConfigError, problemText } from "../../../daemon/config/problem.ts";
import { table } from "../../output.ts";
import type { Session } from "../../session.ts";

export async function show(session: Session, { origin = false }: { origin?: boolean }): Promise<void> {
  const { settings, files } = load(session);
  const all = [...settings].map(([key, { raw, origin: from }]) => ({ key, value: raw ?? null, origin: from }));
  const rows = all.map(({ key, value, origin: from }) => [key, tomlText(value), ...(origin ? [from] : [])]);
  const header = ["SETTING", "VALUE", ...(origin ? ["FROM"] : [])];
  session.output.answer({ settings: all, files }, table(header, rows));
}

export async function check(session: Session): Promise<void> {
  const { output } = session;
  try {
    const { files } = load(session);
    const text =
      files.length === 0 ? "no file: environment and defaults are in order" : `in order: ${files.join(", ")}`;
    output.answer({ valid: true, files, problems: [] }, text);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const { problems } = error;
    output.answer({ valid: false, problems }, problems.map(problemText).join("\n"));
    throw error.summary();
  }
}

export async function schema({ output }: Session): Promise<void> {
  const value = configJsonSchema();
  output.answer(value, JSON.stringify(value, undefined, 2));
}

/** Without the flags of `umbrad run`: they are not known here. */
function load({ env, configFlag, stateDir }: Session): LoadedConfig {
  return loadConfig({ flags: {}, env, file: resolveConfigFile(configFlag, stateDir, env) });
}

function tomlText(value: unknown): string {
  return value === null ? "(not set)" : JSON.stringify(value);
}
