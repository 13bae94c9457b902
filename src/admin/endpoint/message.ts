/** Sending, and single messages by their id. */
import type { EngineApi } from "../../engine/api.ts";
import { UmbradError } from "../../engine/errors.ts";
import type { MessageRow } from "../../engine/ports.ts";
import type { MessageId } from "../../wire/ids.ts";
import * as answers from "../api/answers.ts";
import { type Call, endpoint } from "../api/endpoint.ts";
import { traceView } from "../event-view.ts";
import * as schema from "../schema.ts";
import { messageView } from "../views.ts";

/** `message/unknown` when there is none. */
export function knownMessage(engine: EngineApi, id: string): MessageRow {
  const row = engine.message(id as MessageId);
  if (row === undefined) throw unknown(id);
  return row;
}

/** The conversation that the message of a path belongs to. */
export function conversationOfMessage({ engine, params }: Call<{ readonly id: string }, unknown, unknown>): string {
  return engine.handleOf(knownMessage(engine, params.id).conversation);
}

export const send = endpoint({
  id: "sendMessage",
  summary: "Send a text; it is on disk when this is answered",
  body: schema.sendBody,
  status: 202,
  answer: answers.sent,
  confined: ({ body }) => body.conversation,
  handle({ engine, body: { conversation, text, key } }) {
    return engine.send(key === undefined ? { conversation, text } : { conversation, text, key });
  },
});

export const show = endpoint({
  id: "message",
  summary: "One message and its state",
  params: schema.messageParams,
  answer: answers.message,
  confined: conversationOfMessage,
  handle: ({ engine, params }) => messageView(knownMessage(engine, params.id), engine),
});

export const trace = endpoint({
  id: "traceMessage",
  summary: "The whole life of one message",
  params: schema.messageParams,
  answer: answers.trace,
  confined: conversationOfMessage,
  handle({ engine, params }) {
    const life = engine.trace(params.id);
    if (life === undefined) throw unknown(params.id);
    return traceView(life, engine);
  },
});

function unknown(id: string): UmbradError {
  return new UmbradError("message/unknown", `no message has the id ${JSON.stringify(id)}`);
}
