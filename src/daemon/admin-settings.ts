/** `[admin]` of the configuration file. */
import { z } from "zod";
import { parseTcpPlace, type TcpPlace } from "../admin/location.ts";

export interface AdminSettings {
  /** The TCP listener; without it there is only the unix socket. */
  readonly listen?: TcpPlace | undefined;
}

export const adminSchema: z.ZodType<AdminSettings> = z.strictObject({
  listen: z
    .string()
    .transform((text, context) => {
      const place = parseTcpPlace(text);
      if (place !== undefined) return place;
      const message = 'must be a loop-back address and a port, like "127.0.0.1:7777" or "[::1]:0"';
      context.issues.push({ code: "custom", message, input: text });
      return z.NEVER;
    })
    .optional(),
});
