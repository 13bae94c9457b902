/** Waku networks: those with a name have fixed numbers and a fixed quota, a custom one has its own. */
import { z } from "zod";
import type { QuotaRule } from "../engine/quota/quota.ts";

/** What public networks count (profile 10.6). */
const publicQuota: QuotaRule = { publications: 100, windowMs: 600_000 };

type NetworkName = "devnet" | "logos.test" | "logos.dev" | "custom";

/** Where we are, and what we may do there. */
export interface Network {
  readonly name: NetworkName;
  readonly clusterId: number;
  /** How many the cluster has. */
  readonly shards: number;
  /** What it lets us publish; undefined: it does not count. */
  readonly quota?: QuotaRule | undefined;
}

/** Waku networks by name; `custom` brings its own numbers. */
export const networkPresets: Readonly<Record<Exclude<NetworkName, "custom">, Omit<Network, "name">>> = {
  devnet: { clusterId: 66, shards: 8 },
  "logos.test": { clusterId: 2, shards: 8, quota: publicQuota },
  "logos.dev": { clusterId: 3, shards: 8, quota: publicQuota },
};

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 };

const window = z
  .string()
  .regex(/^[1-9]\d{0,4}[smh]$/, 'quota_window must be a time like "600s" or "10m"')
  .transform((text) => Number(text.slice(0, -1)) * (unitMs[text.slice(-1)] ?? Number.NaN))
  .refine((ms) => ms <= 86_400_000, "quota_window must be at most 24h");

/** File only. An acknowledgement, a message and a canary have to fit, hence at least 5. */
export const quotaSchema: z.ZodType<QuotaRule> = z
  .strictObject({
    quota: z.int("quota must be a whole number").min(5, "quota must be at least 5").max(100_000, "quota is too large"),
    quota_window: window.default(publicQuota.windowMs),
  })
  .transform(({ quota, quota_window }) => ({ publications: quota, windowMs: quota_window }));

/** As lines of the file. */
export function renderQuota({ publications, windowMs }: QuotaRule): string[] {
  return [`quota = ${publications}`, `quota_window = "${windowMs / 1_000}s"`];
}
