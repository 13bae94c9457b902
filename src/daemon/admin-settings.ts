/** `[admin]` of the configuration file. */
import { z } from "zod";
import { parseTcpPlace, type TcpPlace } from "../admin/location.ts";

export interface AdminSettings {
  /** The TCP listener; without it there is only the unix socket. */
  readonly listen?: TcpPlace | undefined;
  /** Name or number: its members may use the unix socket as the owner does. */
  readonly socketGroup?: string | undefined;
}

const listen = z.string().transform((text, context) => {
  const place = parseTcpPlace(text);
  if (place !== undefined) return place;
  const message = 'must be a loop-back address and a port, like "127.0.0.1:7777" or "[::1]:0"';
  context.issues.push({ code: "custom", message, input: text });
  return z.NEVER;
});

const group = z.string().regex(/^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,31}$/, "must be the name or the number of a group");

export const adminSchema: z.ZodType<AdminSettings> = z
  .strictObject({ listen: listen.optional(), socket_group: group.optional() })
  .transform(({ listen: place, socket_group: socketGroup }) => ({ listen: place, socketGroup }));
