/** What the API answers about a safety number. */
import { z } from "zod";
import type { SafetyNumberJson } from "../views.ts";

export const safetyNumber: z.ZodType<SafetyNumberJson> = z.strictObject({
  address: z.string().regex(/^[0-9a-f]*$/),
  name: z.string().nullable(),
  safetyNumber: z.string().regex(/^[0-9]{60}$/),
  verified: z.boolean(),
});
