/** The event log and its consumers. */
import { z } from "zod";
import * as answers from "../api/answers.ts";
import { refuseForeignConsumer } from "../api/confine.ts";
import { endpoint } from "../api/endpoint.ts";
import { answerEvents } from "../events/answer-events.ts";
import * as schema from "../schema.ts";
import { consumerJson } from "../views.ts";

export const list = endpoint({
  id: "events",
  summary: "The event log, once or following, as NDJSON or (accept: text/event-stream) SSE",
  query: schema.eventsQuery,
  answer: "events",
  confined: "itself",
  async handle(call) {
    await answerEvents(call);
    return undefined;
  },
});

export const consumers = endpoint({
  id: "consumers",
  summary: "The named readers of the event log",
  answer: z.strictObject({ consumers: z.array(answers.consumer) }),
  handle: ({ engine }) => ({ consumers: engine.consumers.list().map(consumerJson) }),
});

export const acknowledge = endpoint({
  id: "acknowledge",
  summary: "A consumer is done with everything up to an event",
  params: schema.consumerParams,
  body: schema.ackBody,
  answer: answers.consumer,
  handle({ engine, caller, params, body }) {
    refuseForeignConsumer(caller, params.consumer);
    return consumerJson(engine.consumers.acknowledge(params.consumer, body.seq));
  },
});

export const dropConsumer = endpoint({
  id: "dropConsumer",
  summary: "Forget a consumer and its place",
  params: schema.consumerParams,
  answer: answers.consumer,
  handle: ({ engine, params }) => consumerJson(engine.consumers.drop(params.consumer)),
});
