/** The `[limits]` table of the configuration file: how much others may bring us. */
import { z } from "zod";
import type { IncomingLimits } from "../engine/routing/admission.ts";

/** File only. */
export const limitsSchema: z.ZodType<IncomingLimits> = z
  .strictObject({
    invites_per_second: z.int().min(1).max(10_000).optional(),
    messages_per_minute: z.int().min(10).max(10_000_000).optional(),
  })
  .transform(({ invites_per_second, messages_per_minute }) => ({
    invitesPerSecond: invites_per_second,
    messagesPerMinute: messages_per_minute,
  }));
