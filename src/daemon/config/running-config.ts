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
  readonly #followers = new Set<ConfigFollower>();
  #loaded: LoadedConfig;

  /** `load` reads the same sources again. */
  constructor(loaded: LoadedConfig, load: () => LoadedConfig, log: Log) {
    this.#loaded = loaded;
    this.#load = load;
    this.#log = log;
  }

  get current(): Config {
    return this.#loaded.config;
  }

  follow(follower: ConfigFollower): void {
    this.#followers.add(follower);
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
      get messagesMs() {
        return config().messagesMs;
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
    const needRestart = waiting(differing);
    const changed = differing.filter((key) => !needRestart.includes(key));
    this.#loaded = merge(this.#loaded, next, needRestart);
    for (const { apply } of this.#followers) apply(this.#loaded.config);
    // Names only: a value may be what nobody else should read.
    const fields = { event: "config.reloaded", component: "daemon", why, changed, needRestart };
    this.#log.info(fields, needRestart.length === 0 ? "reloaded" : "reloaded; some settings need a restart");
    return { changed, needRestart, files: next.files };
  }

  #read(why: string): LoadedConfig {
    try {
      const next = this.#load();
      for (const { check } of this.#followers) check?.(next.config);
      return next;
    } catch (error) {
      if (!(error instanceof UmbradError)) throw error;
      const fields = { event: "config.rejected", component: "daemon", why, reason: error.message.slice(0, reasonMax) };
      this.#log.warn(fields, "the new configuration is wrong: the old one stays");
      for (const follower of this.#followers) follower.rejected?.();
      throw error;
    }
  }
}

/** A part of the daemon that is told of a new configuration. */
export interface ConfigFollower {
  /** Throws an UmbradError for what it cannot work with; then nobody is told. */
  check?(config: Config): void;
  /** Must not throw: it comes after all checks. */
  apply(config: Config): void;
  /** A configuration was wrong: the old one stays. Must not throw. */
  rejected?(): void;
}

/** Another network has other service nodes: those wait for the restart with it. */
function waiting(differing: readonly SettingKey[]): SettingKey[] {
  const isOther = differing.some((key) => key.startsWith("network.") && !settingOf(key).live);
  return differing.filter((key) => !settingOf(key).live || (isOther && key.startsWith("network.")));
}

/** A file that is wrong from end to end must not fill the log. */
const reasonMax = 2_000;

function isSame(one: LoadedConfig, other: LoadedConfig, key: SettingKey): boolean {
  const text = ({ settings }: LoadedConfig): string => JSON.stringify(settings.get(key)?.value) ?? "";
  return text(one) === text(other);
}

/** What needs a restart stays as it is, so that the next reload says so again. */
function merge(running: LoadedConfig, next: LoadedConfig, kept: readonly SettingKey[]): LoadedConfig {
  const { network } = running.config;
  const { peers } = kept.includes("network.peers") ? running.config : next.config;
  const settings = new Map(next.settings);
  for (const key of kept) {
    const given = running.settings.get(key);
    if (given !== undefined) settings.set(key, given);
  }
  return { config: { ...next.config, network, peers }, settings, files: next.files };
}
