/** Backups over the admin API. The path is the daemon's: both are on one machine. */
import { isAbsolute } from "node:path";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { type AdminHost, engineOf } from "../host.ts";
import type { BackupJson } from "../views.ts";

const backupBody: z.ZodType<{ readonly directory: string }> = z.strictObject({
  directory: z
    .string()
    .min(1)
    .max(4_096)
    .refine((path) => isAbsolute(path) && !path.includes("\0"), "an absolute path is needed"),
});

export function defineStoreRoutes(app: FastifyInstance, host: AdminHost): void {
  app.post<{ Body: { directory: string } }>(
    "/v1/store/backup",
    { schema: { body: backupBody } },
    async ({ body }, reply) => {
      // Refused while it starts or stops.
      engineOf(host);
      return reply.status(201).send((await host.backUp(body.directory)) satisfies BackupJson);
    },
  );
}
