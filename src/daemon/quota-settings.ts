/** What a network lets us publish: fixed for the networks with a name, `quota` and `quota_window` of a custom one. */
import { z } from "zod";
import type { QuotaRule } from "../engine/quota/quota.ts";

/** What public networks count (profile 10.6). */
export const publicQuota: QuotaRule = { publications: 100, windowMs: 600_000 };

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
