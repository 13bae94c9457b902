/** What waits, and what operators decide about it: the outbox and parked envelopes. */
import { z } from "zod";
import * as answers from "../api/answers.ts";
import { endpoint } from "../api/endpoint.ts";
import * as schema from "../schema.ts";
import { parkedJson, waitingJson } from "../waiting/views.ts";

export const outbox = endpoint({
  id: "outbox",
  summary: "What has not left yet, oldest first, and why",
  query: schema.listQuery,
  answer: answers.outbox,
  handle({ engine, query }) {
    const { waiting, total } = engine.desk.outbox.list(query.limit);
    return { waiting: waiting.map(waitingJson), total };
  },
});

export const retryMessage = endpoint({
  id: "retryMessage",
  summary: "Try a message now; one that has failed is sent again, and never delivered twice",
  params: schema.messageParams,
  answer: answers.fate,
  handle: ({ engine, params }) => engine.desk.outbox.retry(params.id),
});

export const cancelMessage = endpoint({
  id: "cancelMessage",
  summary: "Do not send a message that is still queued",
  params: schema.messageParams,
  answer: answers.fate,
  handle: ({ engine, params }) => engine.desk.outbox.cancel(params.id),
});

export const parked = endpoint({
  id: "parked",
  summary: "Received envelopes that wait for another try, oldest first",
  query: schema.listQuery,
  answer: answers.parked,
  handle({ engine, query }) {
    const { parked: rows, total } = engine.desk.parked.list(query.limit);
    return { parked: rows.map(parkedJson), total };
  },
});

const retried = z.strictObject({ retried: z.int().min(0) });

export const retryAllParked = endpoint({
  id: "retryAllParked",
  summary: "Try all parked envelopes again now",
  answer: retried,
  handle: ({ engine }) => ({ retried: engine.desk.parked.retry() }),
});

export const retryParked = endpoint({
  id: "retryParked",
  summary: "Try a parked envelope again now",
  params: schema.parkedParams,
  answer: retried,
  handle: ({ engine, params }) => ({ retried: engine.desk.parked.retry(params.id) }),
});

export const dropParked = endpoint({
  id: "dropParked",
  summary: "Forget a parked envelope for ever; only its sender can send it again",
  params: schema.parkedParams,
  answer: z.strictObject({ dropped: z.int().min(0) }),
  handle({ engine, params }) {
    engine.desk.parked.drop(params.id);
    return { dropped: params.id };
  },
});
