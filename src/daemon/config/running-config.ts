/**
 * The configuration that the daemon runs with, and how it changes: all that may change at run time at once, or nothing.
 * Knows no part of the daemon; whoever uses a setting looks here or is told.
 */
import type { ReloadView } from "../../admin/views.ts";
import { UmbradError } from "../../engine/errors.ts";
import type { Retention } from "../../engine/loops/retention.ts";
import type { Log } from "../../engine/ports.ts";
import type { Config, LoadedConfig } from "./config.ts";
import { type SettingKey, settingKeys, settingOf } from "./settings.ts";

export class RunningConfig {
  readonly #load: () => LoadedConfig;
  readonly #log: Log;
  readonly #apply: (config: Config) => void;
  #loaded: LoadedConfig;

  /** `load` reads the same sources again; `apply` must not throw: what it is given has been checked. */
  constructor(loaded: LoadedConfig, load: () => LoadedConfig, apply: (config: Config) => void, log: Log) {
    this.#loaded = loaded;
    this.#load = load;
    this.#apply = apply;
    this.#log = log;
  }

  get current(): Config {
    return this.#loaded.config;
  }

  /** Follows every reload, for a part that looks at it whenever it needs it. */
  retention(): Retention {
    const config = (): Retention => this.#loaded.config.retention;
    return {
      get eventsMs() {
        return config().eventsMs;
      },
      get eventsMax() {
        return config().eventsMax;
      },
      get unacknowledgedMs() {
        return config().unacknowledgedMs;
      },
    };
  }

  /** Throws `config/invalid` and changes nothing when there is anything wrong. */
  reload(why: string): ReloadView {
    const next = this.#read(why);
    const differing = settingKeys.filter((key) => !isSame(this.#loaded, next, key));
    const changed = differing.filter((key) => settingOf(key).live);
    const needRestart = differing.filter((key) => !settingOf(key).live);
    this.#loaded = merge(this.#loaded, next, needRestart);
    this.#apply(this.#loaded.config);
    // Names only: a value may be what nobody else should read.
    const fields = { event: "config.reloaded", component: "daemon", why, changed, needRestart };
    this.#log.info(fields, needRestart.length === 0 ? "reloaded" : "reloaded; some settings need a restart");
    return { changed, needRestart, files: next.files };
  }

  #read(why: string): LoadedConfig {
    try {
      return this.#load();
    } catch (error) {
      if (!(error instanceof UmbradError)) throw error;
      const fields = { event: "config.rejected", component: "daemon", why, reason: error.message.slice(0, reasonMax) };
      this.#log.warn(fields, "the new configuration is wrong: the old one stays");
      throw error;
    }
  }
}

/** A file that is wrong from end to end must not fill the log. */
const reasonMax = 2_000;

function isSame(one: LoadedConfig, other: LoadedConfig, key: SettingKey): boolean {
  const text = ({ settings }: LoadedConfig): string => JSON.stringify(settings.get(key)?.value) ?? "";
  return text(one) === text(other);
}

/** What needs a restart stays as it is, so that the next reload says so again. */
function merge(running: LoadedConfig, next: LoadedConfig, kept: readonly SettingKey[]): LoadedConfig {
  const { network, peers } = running.config;
  const settings = new Map(next.settings);
  for (const key of kept) {
    const given = running.settings.get(key);
    if (given !== undefined) settings.set(key, given);
  }
  return { config: { ...next.config, network, peers }, settings, files: next.files };
}
