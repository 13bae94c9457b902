/** What waits, and what operators decide about it: the outbox and parked envelopes. */
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { type AdminHost, engineOf } from "../host.ts";
import { LIST_MAX } from "../limits.ts";
import { messageParams } from "../schema.ts";
import { type FateJson, type OutboxJson, type ParkedListJson, parkedJson, waitingJson } from "./views.ts";

interface ListQuery {
  readonly limit: number;
}

const number = z
  .string()
  .regex(/^\d{1,15}$/, "a whole number is needed")
  .transform(Number);
const listQuery: z.ZodType<ListQuery> = z.strictObject({
  limit: number.pipe(z.int().min(1).max(LIST_MAX)).default(100),
});
const parkedParams: z.ZodType<{ readonly id: number }> = z.strictObject({ id: number });

export function defineWaitingRoutes(app: FastifyInstance, host: AdminHost): void {
  app.get<{ Querystring: ListQuery }>("/v1/outbox", { schema: { querystring: listQuery } }, ({ query }): OutboxJson => {
    const { waiting, total } = engineOf(host).desk.outbox.list(query.limit);
    return { waiting: waiting.map(waitingJson), total };
  });
  app.post<{ Params: { id: string } }>(
    "/v1/outbox/:id/retry",
    { schema: { params: messageParams } },
    ({ params }): Promise<FateJson> => engineOf(host).desk.outbox.retry(params.id),
  );
  app.post<{ Params: { id: string } }>(
    "/v1/outbox/:id/cancel",
    { schema: { params: messageParams } },
    ({ params }): Promise<FateJson> => engineOf(host).desk.outbox.cancel(params.id),
  );

  app.get<{ Querystring: ListQuery }>(
    "/v1/parked",
    { schema: { querystring: listQuery } },
    ({ query }): ParkedListJson => {
      const { parked, total } = engineOf(host).desk.parked.list(query.limit);
      return { parked: parked.map(parkedJson), total };
    },
  );
  app.post("/v1/parked/retry", () => ({ retried: engineOf(host).desk.parked.retry() }));
  app.post<{ Params: { id: number } }>("/v1/parked/:id/retry", { schema: { params: parkedParams } }, ({ params }) => ({
    retried: engineOf(host).desk.parked.retry(params.id),
  }));
  app.delete<{ Params: { id: number } }>("/v1/parked/:id", { schema: { params: parkedParams } }, ({ params }) => {
    engineOf(host).desk.parked.drop(params.id);
    return { dropped: params.id };
  });
}
