/** How long a conversation keeps its messages. */
import { z } from "zod";
import type { ExpiryView } from "../../engine/api.ts";
import { endpoint } from "../api/endpoint.ts";
import * as schema from "../schema.ts";

const answer: z.ZodType<ExpiryView> = z.strictObject({
  conversation: z.string(),
  afterMs: z.number().nullable(),
});

/** A minute to 1,000 days; null: as long as the others. */
const body: z.ZodType<{ readonly afterMs: number | null }> = z.strictObject({
  afterMs: z.int().min(60_000).max(86_400_000_000).nullable(),
});

export const show = endpoint({
  id: "conversationExpiry",
  summary: "How long a conversation keeps the content of messages",
  params: schema.conversationParams,
  answer,
  confined: ({ params }) => params.conversation,
  handle: ({ engine, params }) => engine.desk.expiry.show(params.conversation),
});

export const set = endpoint({
  id: "setConversationExpiry",
  summary: "Delete the content of messages of a conversation after a time; on this side only",
  params: schema.conversationParams,
  body,
  answer,
  handle: ({ engine, params, body: { afterMs } }) => engine.desk.expiry.set(params.conversation, afterMs),
});
