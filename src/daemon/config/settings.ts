/**
 * Every setting: one entry each, and nothing about it anywhere else. The file's schema, the environment, `umbrad config`,
 * what a reload may change, config/umbrad.example.toml and docs/configuration.md follow from this table
 * (`node scripts/settings.ts` writes the last two).
 */
import { z } from "zod";
import { parseTcpPlace } from "../../admin/location.ts";
import { isLogComponent, logComponents, logLevels } from "../../admin/log/log-view.ts";
import { INVITES_PER_SECOND_MAX, MESSAGES_PER_MINUTE_MAX } from "../../engine/limits.ts";

/** What is known about one setting, whatever its value. */
export interface Setting<Schema extends z.ZodType = z.ZodType> {
  /** For operators, in one or two sentences. */
  readonly about: string;
  /** Of the value as it stands in the file. */
  readonly schema: Schema;
  /** As it would stand in the file; null: not set. */
  readonly fallback: z.input<Schema> | null;
  /** For the example file, where the fallback shows too little. */
  readonly example?: z.input<Schema>;
  /** Lists are divided by blanks or commas there. */
  readonly env: string;
  readonly flag?: string;
  /** Whether a reload applies it; else the daemon has to be started again. */
  readonly live: boolean;
}

const unitMs: Readonly<Record<string, number>> = { h: 3_600_000, d: 86_400_000 };

/** `12h` or `90d`; an hour at least, so that a slip of the unit does not empty the log. */
const age = z
  .string()
  .regex(/^[1-9]\d{0,4}[hd]$/, 'must be an age like "12h" or "90d"')
  .transform((text) => Number(text.slice(0, -1)) * (unitMs[text.slice(-1)] ?? Number.NaN));

const windowUnitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 };

const quotaWindow = z
  .string()
  .regex(/^[1-9]\d{0,4}[smh]$/, 'must be a time like "600s" or "10m"')
  .transform((text) => Number(text.slice(0, -1)) * (windowUnitMs[text.slice(-1)] ?? Number.NaN))
  .refine((ms) => ms <= 86_400_000, "must be at most 24h");

const peer = z.string().regex(/^\/[a-z0-9]+\/.+$/, "is not a multiaddr like /ip4/192.0.2.7/tcp/30303/p2p/16Uiu2HAm…");

const listen = z.string().transform((text, context) => {
  const place = parseTcpPlace(text);
  if (place !== undefined) return place;
  const message = 'must be a loop-back address and a port, like "127.0.0.1:7777" or "[::1]:0"';
  context.issues.push({ code: "custom", message, input: text });
  return z.NEVER;
});

const group = z.string().regex(/^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,31}$/, "must be the name or the number of a group");

const componentLevel = z
  .string()
  .regex(new RegExp(`^[a-z]+=(${logLevels.join("|")})$`), 'must be a component and a level like "waku=debug"')
  .refine((text) => isLogComponent(text.split("=")[0] ?? ""), `names no component: ${logComponents.join(", ")}`);

/** By the name that it has in the file, with its table before the dot. In the order of the example. */
export const settings = {
  name: {
    about: "What this node is called in `umbrad status`. Told to nobody.",
    schema: z.string().regex(/^[^\p{Cc}]{1,64}$/u, "must have 1 to 64 printable characters"),
    fallback: null,
    example: "alice",
    env: "UMBRAD_NAME",
    flag: "--name",
    live: true,
  },
  "network.name": {
    about:
      "Which Waku network: devnet (cluster 66, this machine), logos.test (cluster 2), logos.dev (cluster 3) or custom.",
    schema: z.enum(["devnet", "logos.test", "logos.dev", "custom"]),
    fallback: "devnet",
    env: "UMBRAD_NETWORK",
    flag: "--network",
    live: false,
  },
  "network.cluster_id": {
    about: "The cluster of a custom network, and of no other.",
    schema: z.int().min(0).max(65_535),
    fallback: null,
    example: 66,
    env: "UMBRAD_CLUSTER_ID",
    flag: "--cluster-id",
    live: false,
  },
  "network.shards": {
    about: "How many shards the cluster of a custom network has.",
    schema: z.int().min(1).max(1_024),
    fallback: null,
    example: 8,
    env: "UMBRAD_SHARDS",
    flag: "--shards",
    live: false,
  },
  "network.quota": {
    about:
      "How many envelopes a custom network lets one node publish in network.quota_window; without it nothing is counted. An acknowledgement, a message and a canary have to fit.",
    schema: z.int().min(5).max(100_000),
    fallback: null,
    example: 100,
    env: "UMBRAD_QUOTA",
    live: false,
  },
  "network.quota_window": {
    about: "The time that network.quota is for, up to 24h; 10m if it is not given.",
    schema: quotaWindow,
    fallback: null,
    example: "10m",
    env: "UMBRAD_QUOTA_WINDOW",
    live: false,
  },
  "network.peers": {
    about:
      "Service nodes. With /p2p/ and a peer id nobody else at that address is used; without, whoever answers is. With none the daemon starts, queues what is sent, and says so in `umbrad status`.",
    schema: z.array(peer),
    fallback: [],
    example: ["/ip4/127.0.0.1/tcp/60000/p2p/16Uiu2HAm..."],
    env: "UMBRAD_PEERS",
    flag: "--peer",
    live: true,
  },
  "contacts.unknown_senders": {
    about: "What becomes of people who invite you without a link of yours: ask (umbrad contact requests) or reject.",
    schema: z.enum(["ask", "reject"]),
    fallback: "ask",
    env: "UMBRAD_UNKNOWN_SENDERS",
    live: false,
  },
  "admin.listen": {
    about:
      "A second way to the admin API, for programs of other users or in containers on this machine: a loop-back address and a port; port 0 takes any free one, which `umbrad status` tells. Every caller there needs a token (`umbrad token create`).",
    schema: listen,
    fallback: null,
    example: "127.0.0.1:7777",
    env: "UMBRAD_ADMIN_LISTEN",
    live: false,
  },
  "admin.socket_group": {
    about:
      "A group of this machine, name or number, whose members may use the unix socket as the owner does. The socket must be outside the state directory then (--socket, or RuntimeDirectory= of systemd).",
    schema: group,
    fallback: null,
    example: "umbrad",
    env: "UMBRAD_ADMIN_SOCKET_GROUP",
    live: false,
  },
  "limits.invites_per_second": {
    about: "So many invites a second are read; what exceeds it is parked (`umbrad parked list`) and read at this rate.",
    schema: z.int().min(1).max(10_000),
    fallback: INVITES_PER_SECOND_MAX,
    env: "UMBRAD_INVITES_PER_SECOND",
    live: false,
  },
  "limits.messages_per_minute": {
    about: "The same for the envelopes of each conversation, in a minute.",
    schema: z.int().min(10).max(10_000_000),
    fallback: MESSAGES_PER_MINUTE_MAX,
    env: "UMBRAD_MESSAGES_PER_MINUTE",
    live: false,
  },
  "log.level": {
    about: "trace, debug, info, warn or error. Lines for each envelope are at debug.",
    schema: z.enum(logLevels),
    fallback: "info",
    env: "UMBRAD_LOG_LEVEL",
    flag: "--log-level",
    live: true,
  },
  "log.components": {
    about: "Other levels for single components; docs/logs.md has their names.",
    schema: z.array(componentLevel),
    fallback: [],
    example: ["waku=debug", "admin=warn"],
    env: "UMBRAD_LOG_COMPONENTS",
    live: true,
  },
  "log.format": {
    about: "json: one object a line, for machines; pretty: for eyes.",
    schema: z.enum(["json", "pretty"]),
    fallback: "json",
    env: "UMBRAD_LOG_FORMAT",
    flag: "--log-format",
    live: true,
  },
  "retention.events": {
    about: 'Events older than this go when every consumer has acknowledged them: an age like "12h" or "90d".',
    schema: age,
    fallback: "90d",
    env: "UMBRAD_RETENTION_EVENTS",
    live: true,
  },
  "retention.events_max": {
    about: "Beyond so many, the oldest events go when every consumer has acknowledged them.",
    schema: z.int().min(100).max(1_000_000_000),
    fallback: 1_000_000,
    env: "UMBRAD_RETENTION_EVENTS_MAX",
    live: true,
  },
  "retention.messages": {
    about:
      'The content of messages and files older than this is deleted for good, as soon as every consumer has acknowledged their events: an age like "30d", or "off". `umbrad conversation expire` sets a shorter one for a conversation.',
    schema: z.union([z.literal("off").transform(() => "off" as const), age], {
      error: 'must be an age like "30d", or "off"',
    }),
    fallback: "off",
    env: "UMBRAD_RETENTION_MESSAGES",
    live: true,
  },
  "retention.unacknowledged": {
    about: "Events older than this go even unacknowledged; their consumer is told by one events.gap.",
    schema: age,
    fallback: "365d",
    env: "UMBRAD_RETENTION_UNACKNOWLEDGED",
    live: true,
  },
} as const satisfies Readonly<Record<string, Setting>>;

export type SettingKey = keyof typeof settings;

/** What the daemon works with: undefined only where a setting has no fallback. */
export type SettingValues = {
  readonly [Key in SettingKey]:
    | z.output<(typeof settings)[Key]["schema"]>
    | ((typeof settings)[Key]["fallback"] extends null ? undefined : never);
};

export const settingKeys: readonly SettingKey[] = Object.keys(settings) as SettingKey[];

/** The entry of a key, as any other. */
export function settingOf(key: SettingKey): Setting {
  return settings[key];
}

/** The whole file: every key optional, no other key. */
export const fileSchema: z.ZodType = buildFileSchema();

function buildFileSchema(): z.ZodType {
  const root: Record<string, z.ZodType> = {};
  const tables = new Map<string, Record<string, z.ZodType>>();
  for (const key of settingKeys) {
    const { about, schema, fallback } = settingOf(key);
    const described = schema
      .optional()
      .meta({ description: about, ...(fallback === null ? {} : { default: fallback }) });
    const [table, name] = splitKey(key);
    if (table === undefined) root[name] = described;
    else tables.set(table, { ...tables.get(table), [name]: described });
  }
  for (const [table, shape] of tables) {
    const error = (issue: { code?: string }) =>
      issue.code === "invalid_type" ? `must be a table: [${table}]` : undefined;
    root[table] = z.strictObject(shape, { error }).optional();
  }
  return z.strictObject(root);
}

/** The table, if it is in one, and the name in it. */
export function splitKey(key: SettingKey): readonly [table: string | undefined, name: string] {
  const [first = "", second] = key.split(".");
  return second === undefined ? [undefined, first] : [first, second];
}
