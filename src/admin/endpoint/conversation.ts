/** Conversations and their messages by the page. */
import { z } from "zod";
import * as answers from "../api/answers.ts";
import { endpoint } from "../api/endpoint.ts";
import * as schema from "../schema.ts";
import { conversationJson, messageView } from "../views.ts";
import { knownMessage } from "./message.ts";

export const list = endpoint({
  id: "conversations",
  summary: "All conversations",
  answer: z.strictObject({ conversations: z.array(answers.conversation) }),
  confined: "itself",
  handle({ engine, caller: { confinedTo } }) {
    const seen = confinedTo?.(engine);
    const shown = engine.conversations().filter(({ handle }) => seen?.has(handle) ?? true);
    return { conversations: shown.map((view) => conversationJson(view, engine)) };
  },
});

export const show = endpoint({
  id: "conversation",
  summary: "One conversation",
  params: schema.conversationParams,
  answer: answers.conversation,
  confined: ({ params }) => params.conversation,
  handle: ({ engine, params }) => conversationJson(engine.findConversation(params.conversation), engine),
});

export const rename = endpoint({
  id: "renameConversation",
  summary: "Call a conversation something; told to nobody",
  params: schema.conversationParams,
  body: schema.nameBody,
  answer: answers.conversation,
  handle: async ({ engine, params, body }) =>
    conversationJson(await engine.people.renameConversation(params.conversation, body.name), engine),
});

export const leave = endpoint({
  id: "leaveConversation",
  summary: "Take no more part in a conversation",
  params: schema.conversationParams,
  answer: answers.conversation,
  handle: async ({ engine, params }) =>
    conversationJson(await engine.people.leaveConversation(params.conversation), engine),
});

/** The newest page, oldest first, as a reader of a conversation expects it. */
export const messages = endpoint({
  id: "messages",
  summary: "A page of the messages of a conversation, oldest first",
  params: schema.conversationParams,
  query: schema.messagesQuery,
  answer: z.strictObject({ messages: z.array(answers.message) }),
  confined: ({ params }) => params.conversation,
  handle({ engine, caller, params: { conversation }, query: { limit, before } }) {
    const page = before === undefined ? {} : { before: knownMessage(engine, before, caller).rowId };
    const rows = engine.messages({ conversation, limit, ...page });
    return { messages: rows.map((row) => messageView(row, engine)).reverse() };
  },
});
