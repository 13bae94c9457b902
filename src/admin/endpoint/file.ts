/** Files and other content as bytes: the only bodies and answers that are not JSON. */
import { Readable } from "node:stream";
import { UmbradError } from "../../engine/errors.ts";
import * as answers from "../api/answers.ts";
import { confinedKey } from "../api/confine.ts";
import { endpoint } from "../api/endpoint.ts";
import * as schema from "../schema.ts";
import { conversationOfMessage } from "./message.ts";

export const send = endpoint({
  id: "sendFile",
  summary: "Send a file; it is on disk when this is answered",
  params: schema.conversationParams,
  query: schema.fileQuery,
  body: "bytes",
  status: 202,
  answer: answers.sent,
  confined: ({ params }) => params.conversation,
  handle({ engine, caller, request, params, query: { name, mime, key } }) {
    const { body, headers } = request;
    if (!(headers["content-type"] ?? "").startsWith("application/octet-stream"))
      throw new UmbradError("request/media-type", "a file is sent as application/octet-stream");
    return engine.sendFile({
      conversation: params.conversation,
      name,
      data: body instanceof Uint8Array ? body : new Uint8Array(),
      ...(mime === undefined ? {} : { mime }),
      ...(key === undefined ? {} : { key: confinedKey(engine, caller, params.conversation, key) }),
    });
  },
});

export const content = endpoint({
  id: "messageContent",
  summary: "The bytes of a message",
  params: schema.messageParams,
  answer: "bytes",
  confined: conversationOfMessage,
  handle({ engine, params, reply }) {
    const { size, chunks } = engine.content(params.id);
    reply.header("content-type", "application/octet-stream").header("content-length", size);
    // The peer chose these bytes: nobody may take them for a page.
    reply.header("x-content-type-options", "nosniff");
    return Readable.from(chunks(), { objectMode: false });
  },
});
