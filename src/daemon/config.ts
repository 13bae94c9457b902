/**
 * What the daemon is told by flags, environment and file, in this order, over the defaults. Reports every problem at
 * once. Secrets are no configuration and are never read here.
 */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parse, TomlError } from "smol-toml";
import { z } from "zod";
import type { Environment } from "../admin/location.ts";
import { UmbradError } from "../engine/errors.ts";
import type { Retention } from "../engine/loops/retention.ts";
import type { IncomingLimits } from "../engine/routing/admission.ts";
import { limitsSchema } from "./limit-settings.ts";
import type { LogFormat, LogLevel } from "./log.ts";
import { type Network, networkPresets, quotaSchema, renderQuota } from "./network-settings.ts";
import { retentionSchema } from "./retention-settings.ts";

export interface Config {
  /** What the operator calls this node; shown in `status`, told to nobody. */
  readonly name: string | null;
  readonly network: Network;
  readonly peers: readonly string[];
  /** Who invites us without a link waits for a decision, or is refused. */
  readonly unknownSenders: "ask" | "reject";
  readonly log: { readonly level: LogLevel; readonly format: LogFormat };
  readonly retention: Retention;
  readonly limits: IncomingLimits;
}

/** One layer; what is absent comes from the layer below. */
export interface Settings {
  readonly name?: string | undefined;
  readonly network?: string | undefined;
  readonly clusterId?: number | undefined;
  readonly shards?: number | undefined;
  readonly peers?: readonly string[] | undefined;
  readonly unknownSenders?: string | undefined;
  readonly logLevel?: string | undefined;
  readonly logFormat?: string | undefined;
}

/** `--config`, `$UMBRAD_CONFIG`, else in the state directory, where it may be missing. */
export function resolveConfigFile(
  flag: string | undefined,
  stateDir: string,
  env: Environment,
): { readonly path: string; readonly required: boolean } {
  const given = flag ?? env["UMBRAD_CONFIG"];
  if (given !== undefined && given !== "") return { path: resolve(given), required: true };
  return { path: join(stateDir, "config.toml"), required: false };
}

export function loadConfig(request: {
  readonly flags: Settings;
  readonly env: Environment;
  readonly file: { readonly path: string; readonly required: boolean };
}): Config {
  const problems: Problem[] = [];
  const layers = [
    settingsOf("flags", request.flags, problems),
    settingsOf("environment", environmentSettings(request.env), problems),
    settingsOf(request.file.path, readFileSettings(request.file, problems), problems),
  ];
  const config = combine(layers, problems);
  if (problems.length === 0 && config !== undefined) return config;
  throw new UmbradError("config/invalid", problems.join("; "), {
    hint: problems.some((problem) => problem.startsWith(request.file.path))
      ? `correct ${request.file.path}`
      : "correct the flag or the variable",
  });
}

/** `where: what`, in words for the operator. */
type Problem = string;

const count = z.int().min(0).max(65_535);
const layerSchema = z.object({
  name: z
    .string()
    .regex(/^[^\p{Cc}]{1,64}$/u, "must have 1 to 64 printable characters")
    .optional(),
  network: z.enum(["devnet", "logos.test", "logos.dev", "custom"]).optional(),
  clusterId: count.optional(),
  shards: z.int().min(1).max(1_024).optional(),
  peers: z
    .array(z.string().regex(/^\/.+\/p2p\/[^/]+$/, "is not a multiaddr that ends with /p2p/ and a peer id"))
    .optional(),
  unknownSenders: z.enum(["ask", "reject"]).optional(),
  logLevel: z.enum(["trace", "debug", "info", "warn", "error"]).optional(),
  logFormat: z.enum(["json", "pretty"]).optional(),
  retention: retentionSchema.optional(),
  quota: quotaSchema.optional(),
  limits: limitsSchema.optional(),
});
type Layer = z.output<typeof layerSchema>;

/** The same settings under the names that the file has for them. */
const fileSchema = z.strictObject({
  name: z.unknown().optional(),
  network: z
    .strictObject({
      name: z.unknown().optional(),
      cluster_id: z.unknown().optional(),
      shards: z.unknown().optional(),
      peers: z.unknown().optional(),
      quota: z.unknown().optional(),
      quota_window: z.unknown().optional(),
    })
    .optional(),
  contacts: z.strictObject({ unknown_senders: z.unknown().optional() }).optional(),
  log: z.strictObject({ level: z.unknown().optional(), format: z.unknown().optional() }).optional(),
  retention: z.unknown().optional(),
  limits: z.unknown().optional(),
});

const fileNames: Readonly<Record<keyof Settings, string>> = {
  name: "name",
  network: "network.name",
  clusterId: "network.cluster_id",
  shards: "network.shards",
  peers: "network.peers",
  unknownSenders: "contacts.unknown_senders",
  logLevel: "log.level",
  logFormat: "log.format",
};

const environmentNames: Readonly<Record<keyof Settings, string>> = {
  name: "UMBRAD_NAME",
  network: "UMBRAD_NETWORK",
  clusterId: "UMBRAD_CLUSTER_ID",
  shards: "UMBRAD_SHARDS",
  peers: "UMBRAD_PEERS",
  unknownSenders: "UMBRAD_UNKNOWN_SENDERS",
  logLevel: "UMBRAD_LOG_LEVEL",
  logFormat: "UMBRAD_LOG_FORMAT",
};

const flagNames: Readonly<Record<keyof Settings, string>> = {
  name: "--name",
  network: "--network",
  clusterId: "--cluster-id",
  shards: "--shards",
  peers: "--peer",
  unknownSenders: "--unknown-senders",
  logLevel: "--log-level",
  logFormat: "--log-format",
};

/** Settings of the file that are checked as a whole. */
type FileOnly = "retention" | "quota" | "limits";

function settingsOf(origin: string, settings: Record<string, unknown> | Settings, problems: Problem[]): Layer {
  const parsed = layerSchema.safeParse(settings);
  if (parsed.success) return parsed.data;
  for (const { path, message } of parsed.error.issues) {
    const [key = "", ...inside] = path.map(String);
    problems.push(
      `${settingName(origin, key as keyof Settings | FileOnly)}${inside.map((at) => (key === "quota" ? `.${at}` : `[${at}]`)).join("")}: ${message}`,
    );
  }
  return {};
}

function settingName(origin: string, key: keyof Settings | FileOnly): string {
  if (key === "retention" || key === "limits") return `${origin}: ${key}`;
  if (key === "quota") return `${origin}: network`;
  if (origin === "flags") return flagNames[key];
  if (origin === "environment") return environmentNames[key];
  return `${origin}: ${fileNames[key]}`;
}

function environmentSettings(env: Environment): Record<string, unknown> {
  const text = (name: string): string | undefined => (env[name] === "" ? undefined : env[name]);
  const number = (name: string): number | undefined => {
    const value = text(name);
    return value === undefined ? undefined : Number(value);
  };
  return {
    name: text(environmentNames.name),
    network: text(environmentNames.network),
    clusterId: number(environmentNames.clusterId),
    shards: number(environmentNames.shards),
    peers: text(environmentNames.peers)
      ?.split(/[\s,]+/)
      .filter(Boolean),
    unknownSenders: text(environmentNames.unknownSenders),
    logLevel: text(environmentNames.logLevel),
    logFormat: text(environmentNames.logFormat),
  };
}

function readFileSettings(
  file: { readonly path: string; readonly required: boolean },
  problems: Problem[],
): Record<string, unknown> {
  const text = readText(file, problems);
  if (text === undefined) return {};
  try {
    const parsed = fileSchema.safeParse(parse(text));
    if (parsed.success) {
      const { name, network = {}, contacts = {}, log = {}, retention, limits } = parsed.data;
      const { cluster_id: clusterId, shards, peers, quota, quota_window } = network;
      const rule = quota === undefined && quota_window === undefined ? undefined : { quota, quota_window };
      const unknownSenders = contacts.unknown_senders;
      const { level: logLevel, format: logFormat } = log;
      const common = { name, network: network.name, clusterId, shards, peers, unknownSenders, logLevel, logFormat };
      return { ...common, quota: rule, retention, limits };
    }
    for (const { path, message } of parsed.error.issues)
      problems.push(`${file.path}: ${[...path, message].join(": ")}`);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [what = "not TOML"] = error.message.replace(/^Invalid TOML document: /, "").split("\n");
    problems.push(`${file.path}:${error.line}:${error.column}: ${what}`);
  }
  return {};
}

function readText({ path, required }: { path: string; required: boolean }, problems: Problem[]): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    const isMissing = code === "ENOENT" || code === "ENOTDIR";
    if (!isMissing || required) problems.push(`${path}: cannot be read (${code})`);
    return undefined;
  }
}

function combine(layers: readonly Layer[], problems: Problem[]): Config | undefined {
  const pick = <Key extends keyof Layer>(key: Key): Layer[Key] | undefined =>
    layers.find((layer) => layer[key] !== undefined)?.[key];
  const network = combineNetwork(layers, problems);
  if (network === undefined) return undefined;
  return {
    name: pick("name") ?? null,
    network,
    peers: [...new Set(pick("peers") ?? [])],
    unknownSenders: pick("unknownSenders") ?? "ask",
    log: { level: pick("logLevel") ?? "info", format: pick("logFormat") ?? "json" },
    retention: pick("retention") ?? {},
    limits: pick("limits") ?? {},
  };
}

/** The numbers belong to the layer that names the network: a flag for another network must not inherit the file's. */
function combineNetwork(layers: readonly Layer[], problems: Problem[]): Network | undefined {
  const at = layers.findIndex(({ network }) => network !== undefined);
  const upTo = at === -1 ? layers : layers.slice(0, at + 1);
  const name = layers[at]?.network ?? "devnet";
  const clusterId = upTo.find((layer) => layer.clusterId !== undefined)?.clusterId;
  const shards = upTo.find((layer) => layer.shards !== undefined)?.shards;
  const quota = upTo.find((layer) => layer.quota !== undefined)?.quota;
  if (name !== "custom") {
    if (quota !== undefined) {
      problems.push(`the quota of ${name} is fixed: only the network custom takes network.quota`);
      return undefined;
    }
    if (clusterId === undefined && shards === undefined) return { name, ...networkPresets[name] };
    problems.push(`cluster id and shards of ${name} are fixed: only --network custom takes them`);
    return undefined;
  }
  if (clusterId !== undefined && shards !== undefined) {
    return { name, clusterId, shards, ...(quota === undefined ? {} : { quota }) };
  }
  problems.push(
    "--network custom needs --cluster-id and --shards (in the file: cluster_id and shards under [network])",
  );
  return undefined;
}

/** What `init` writes, for people to edit. */
export function renderConfigFile({ name, network, peers }: Pick<Config, "name" | "network" | "peers">): string {
  const quota = network.quota === undefined ? [] : renderQuota(network.quota);
  const numbers = [`cluster_id = ${network.clusterId}`, `shards = ${network.shards}`];
  const custom = network.name === "custom" ? [...numbers, ...quota] : [];
  return `${[
    "# Settings of umbrad. Flags and the environment go before this file.",
    ...(name === null ? [] : [`name = ${JSON.stringify(name)}`]),
    "[network]",
    `name = ${JSON.stringify(network.name)}`,
    ...custom,
    "# Service nodes, as multiaddrs that end with /p2p/ and a peer id; `umbrad devnet` prints its own.",
    `peers = [${peers.map((peer) => JSON.stringify(peer)).join(", ")}]`,
    "",
    "[contacts]",
    '# unknown_senders = "ask"   # or reject: who invites you without a link of yours',
    "",
    "[log]",
    '# level = "info"   # trace, debug, info, warn, error',
    '# format = "json"  # or pretty',
  ].join("\n")}\n`;
}
