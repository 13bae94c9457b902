/** The `[retention]` table of the configuration file: how long the past is kept. */
import { z } from "zod";
import type { Retention } from "../engine/loops/retention.ts";

const unitMs: Readonly<Record<string, number>> = { h: 3_600_000, d: 86_400_000 };

/** `12h` or `90d`; an hour at least, so that a slip of the unit does not empty the log. */
const age = z
  .string()
  .regex(/^[1-9]\d{0,4}[hd]$/, 'must be an age like "12h" or "90d"')
  .transform((text) => Number(text.slice(0, -1)) * (unitMs[text.slice(-1)] ?? Number.NaN));

/** File only: nobody changes it for one run. */
export const retentionSchema: z.ZodType<Retention> = z
  .strictObject({
    events: age.optional(),
    events_max: z.int().min(100).max(1_000_000_000).optional(),
    unacknowledged: age.optional(),
  })
  .transform(({ events, events_max, unacknowledged }) => ({
    eventsMs: events,
    eventsMax: events_max,
    unacknowledgedMs: unacknowledged,
  }));
