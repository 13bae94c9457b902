/**
 * What the daemon is told by flags, environment and files, in this order, over the defaults. Reports every problem at
 * once. Secrets are no configuration and are never read here. Needs no daemon and loads no network library.
 */
import { join, resolve } from "node:path";
import type { Environment } from "../../admin/location.ts";
import type { LogComponent, LogLevel } from "../../admin/log/log-view.ts";
import type { Retention } from "../../engine/loops/retention.ts";
import type { QuotaRule } from "../../engine/quota/quota.ts";
import type { IncomingLimits } from "../../engine/routing/admission.ts";
import {
  type ConfigFile,
  environmentLayer,
  type FlagValues,
  fileLayers,
  flagLayer,
  type Given,
  type Layer,
} from "./layers.ts";
import { ConfigError, type ConfigProblem } from "./problem.ts";
import { type SettingKey, type SettingValues, settingKeys, settingOf } from "./settings.ts";

type NetworkName = SettingValues["network.name"];

interface Network {
  readonly name: NetworkName;
  readonly clusterId: number;
  /** How many the cluster has. */
  readonly shards: number;
  /** What it lets us publish; undefined: it does not count. */
  readonly quota?: QuotaRule | undefined;
}

/** What public networks count (profile 10.6). */
const publicQuota: QuotaRule = { publications: 100, windowMs: 600_000 };

/** What is logged, and how it is written. */
export interface LogConfig {
  readonly level: LogLevel;
  readonly components: ReadonlyMap<LogComponent, LogLevel>;
  readonly format: SettingValues["log.format"];
}

export interface Config {
  /** What the operator calls this node; shown in `status`, told to nobody. */
  readonly name: string | null;
  readonly network: Network;
  readonly peers: readonly string[];
  /** Who invites us without a link waits for a decision, or is refused. */
  readonly unknownSenders: SettingValues["contacts.unknown_senders"];
  readonly log: LogConfig;
  readonly retention: Retention;
  readonly admin: AdminConfig;
  readonly limits: IncomingLimits;
}

export interface AdminConfig {
  /** The TCP listener; without it there is only the unix socket. */
  readonly listen: SettingValues["admin.listen"];
  /** Name or number: its members may use the unix socket as the owner does. */
  readonly socketGroup: SettingValues["admin.socket_group"];
}

/** Where settings come from. */
export interface ConfigSources {
  readonly flags: FlagValues;
  readonly env: Environment;
  readonly file: ConfigFile;
}

/** A configuration with the place that each of its settings comes from. */
export interface LoadedConfig {
  readonly config: Config;
  readonly settings: ReadonlyMap<SettingKey, Given>;
  /** Those that were read, in the order in which they count. */
  readonly files: readonly string[];
}

/** Waku networks by name; `custom` brings its own numbers. */
const networkPresets: Readonly<Record<Exclude<NetworkName, "custom">, Omit<Network, "name">>> = {
  devnet: { clusterId: 66, shards: 8 },
  "logos.test": { clusterId: 2, shards: 8, quota: publicQuota },
  "logos.dev": { clusterId: 3, shards: 8, quota: publicQuota },
};

/** `--config`, `$UMBRAD_CONFIG`, else in the state directory, where it may be missing. */
export function resolveConfigFile(flag: string | undefined, stateDir: string, env: Environment): ConfigFile {
  const given = flag ?? env["UMBRAD_CONFIG"];
  if (given !== undefined && given !== "") return { path: resolve(given), required: true };
  return { path: join(stateDir, "config.toml"), required: false };
}

/** Throws a ConfigError with every problem. */
export function loadConfig({ flags, env, file }: ConfigSources): LoadedConfig {
  const problems: ConfigProblem[] = [];
  const given = [flagLayer(flags, problems), environmentLayer(env, problems)];
  const { layers, files } = fileLayers(file, problems);
  const all = [...given, ...layers];
  // With a part of it missing for another reason, the rest would be called wrong too.
  const network = problems.some(isAboutNetwork) ? undefined : combineNetwork(all, problems);
  if (network === undefined || problems.length > 0) throw new ConfigError(problems);
  const settings = new Map(settingKeys.map((key) => [key, strongest(all, key)]));
  if (network.name !== "custom") {
    const { clusterId, shards, quota } = network;
    const fixed = (key: SettingKey, raw: unknown) => settings.set(key, { raw, value: raw, origin: "default" });
    fixed("network.cluster_id", clusterId);
    fixed("network.shards", shards);
    fixed("network.quota", quota?.publications);
    fixed("network.quota_window", quota === undefined ? undefined : `${quota.windowMs / 60_000}m`);
  }
  return { config: { ...configOf(valuesOf(settings)), network }, settings, files };
}

/** Also what is wrong with a whole file. */
function isAboutNetwork({ key, where }: ConfigProblem): boolean {
  if (key !== undefined) return key.startsWith("network");
  const others = settingKeys.filter((other) => !other.startsWith("network")).map(settingOf);
  return !others.some(({ flag, env }) => where === flag || where.startsWith(env));
}

function strongest(layers: readonly Layer[], key: SettingKey): Given {
  const given = layers.find((layer) => layer.has(key))?.get(key);
  if (given !== undefined) return given;
  const { fallback, schema } = settingOf(key);
  if (fallback === null) return { raw: undefined, value: undefined, origin: "default" };
  return { raw: fallback, value: schema.parse(fallback), origin: "default" };
}

function valuesOf(settings: ReadonlyMap<SettingKey, Given>): SettingValues {
  return Object.fromEntries([...settings].map(([key, { value }]) => [key, value])) as unknown as SettingValues;
}

/** From the settings to what the parts of the daemon take. */
function configOf(values: SettingValues): Omit<Config, "network"> {
  return {
    name: values.name ?? null,
    peers: [...new Set(values["network.peers"])],
    unknownSenders: values["contacts.unknown_senders"],
    log: {
      level: values["log.level"],
      components: new Map(
        values["log.components"].map((text) => text.split("=") as unknown as readonly [LogComponent, LogLevel]),
      ),
      format: values["log.format"],
    },
    retention: {
      eventsMs: values["retention.events"],
      eventsMax: values["retention.events_max"],
      unacknowledgedMs: values["retention.unacknowledged"],
      messagesMs: values["retention.messages"] === "off" ? undefined : values["retention.messages"],
    },
    limits: {
      invitesPerSecond: values["limits.invites_per_second"],
      messagesPerMinute: values["limits.messages_per_minute"],
    },
    admin: { listen: values["admin.listen"], socketGroup: values["admin.socket_group"] },
  };
}

/** The numbers belong to the layer that names the network: a flag for another network must not inherit the file's. */
function combineNetwork(layers: readonly Layer[], problems: ConfigProblem[]): Network | undefined {
  const at = layers.findIndex((layer) => layer.has("network.name"));
  const upTo = at === -1 ? layers : layers.slice(0, at + 1);
  const named = strongest(layers, "network.name");
  const name = named.value as NetworkName;
  const given = (key: SettingKey) => upTo.find((layer) => layer.has(key))?.get(key);
  const [cluster, shards] = [given("network.cluster_id"), given("network.shards")];
  const [quota, window] = [given("network.quota"), given("network.quota_window")];
  const refuse = (where: string, what: string) => void problems.push({ where, what });
  if (name !== "custom") {
    const numbers = cluster ?? shards;
    const rule = quota ?? window;
    if (numbers !== undefined)
      refuse(numbers.origin, `cluster id and shards of ${name} are fixed: only --network custom takes them`);
    if (rule !== undefined)
      refuse(rule.origin, `the quota of ${name} is fixed: only the network custom takes network.quota`);
    return numbers === undefined && rule === undefined ? { name, ...networkPresets[name] } : undefined;
  }
  if (cluster === undefined || shards === undefined) {
    const needed = "(in the file: cluster_id and shards under [network])";
    refuse(named.origin, `a custom network needs --cluster-id and --shards ${needed}`);
    return undefined;
  }
  if (quota === undefined && window !== undefined) {
    refuse(window.origin, "network.quota_window says nothing without network.quota");
    return undefined;
  }
  const network = { name, clusterId: cluster.value as number, shards: shards.value as number };
  if (quota === undefined) return network;
  const windowMs = (window?.value as number | undefined) ?? publicQuota.windowMs;
  return { ...network, quota: { publications: quota.value as number, windowMs } };
}
