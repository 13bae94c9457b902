/** Sending, and single messages by their id. */
import type { EngineApi } from "../../engine/api.ts";
import { UmbradError } from "../../engine/errors.ts";
import type { MessageRow } from "../../engine/ports.ts";
import type { MessageId } from "../../wire/ids.ts";
import * as answers from "../api/answers.ts";
import { confinedKey } from "../api/confine.ts";
import { type Call, type Caller, endpoint } from "../api/endpoint.ts";
import { traceView } from "../event-view.ts";
import * as schema from "../schema.ts";
import { messageView } from "../views.ts";

/** `message/unknown` when there is none that the caller may know of. */
export function knownMessage(engine: EngineApi, id: string, { confinedTo }: Partial<Caller> = {}): MessageRow {
  const row = engine.message(id as MessageId);
  const isKnown = row !== undefined && (confinedTo?.(engine).has(engine.handleOf(row.conversation)) ?? true);
  if (!isKnown) throw unknown(id);
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
  handle({ engine, caller, body: { conversation, text, key } }) {
    if (key === undefined) return engine.send({ conversation, text });
    return engine.send({ conversation, text, key: confinedKey(engine, caller, conversation, key) });
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
