/** Files and other content as bytes: the only bodies and answers that are not JSON. */
import { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { z } from "zod";
import { UmbradError } from "../../engine/errors.ts";
import { FILE_BYTES_MAX } from "../../wire/file-content.ts";
import { type AdminHost, engineOf } from "../host.ts";
import * as schema from "../schema.ts";
import type { SentView } from "../views.ts";

interface FileRequest {
  Params: { conversation: string };
  Querystring: schema.FileQuery;
}

/** Sending a file, and reading the bytes of a message. */
export function defineFileRoutes(app: FastifyInstance, host: AdminHost): void {
  // In a scope of its own: no other route takes bytes.
  app.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("application/octet-stream", (request: FastifyRequest, payload: AsyncIterable<Buffer>) =>
      readBody(request, payload),
    );
    scope.post<FileRequest>(
      "/v1/conversations/:conversation/files",
      { schema: { params: schema.conversationParams as z.ZodType, querystring: schema.fileQuery as z.ZodType } },
      (request, reply) => sendFile(host, request, reply),
    );
    done();
  });
  app.get<{ Params: { id: string } }>(
    "/v1/messages/:id/content",
    { schema: { params: schema.messageParams } },
    ({ params }, reply) => {
      const content = engineOf(host).content(params.id);
      reply.header("content-type", "application/octet-stream").header("content-length", content.size);
      // The peer chose these bytes: nobody may take them for a page.
      reply.header("x-content-type-options", "nosniff");
      return reply.send(Readable.from(content.chunks(), { objectMode: false }));
    },
  );
}

async function sendFile(
  host: AdminHost,
  { params, query, body, headers }: FastifyRequest<FileRequest>,
  reply: FastifyReply,
): Promise<FastifyReply> {
  if (!(headers["content-type"] ?? "").startsWith("application/octet-stream"))
    throw new UmbradError("request/media-type", "a file is sent as application/octet-stream");
  const data = body instanceof Uint8Array ? body : new Uint8Array();
  const { name, mime, key } = query;
  const sent = await engineOf(host).sendFile({
    conversation: params.conversation,
    name,
    data,
    ...(mime === undefined ? {} : { mime }),
    ...(key === undefined ? {} : { key }),
  });
  return reply.status(202).send(sent satisfies SentView);
}

/** Refused by its announced length before a byte is read; without one, as soon as it is too much. */
async function readBody(request: FastifyRequest, payload: AsyncIterable<Buffer>): Promise<Uint8Array> {
  if (Number(request.headers["content-length"] ?? 0) > FILE_BYTES_MAX) throw tooLarge();
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of payload) {
    bytes += chunk.length;
    if (bytes > FILE_BYTES_MAX) throw tooLarge();
    chunks.push(chunk);
  }
  const data = Buffer.concat(chunks);
  return new Uint8Array(data.buffer, data.byteOffset, data.length);
}

function tooLarge(): UmbradError {
  return new UmbradError("message/too-large", `a file may have ${FILE_BYTES_MAX} bytes`, {
    hint: "split it, for instance with split -b 4M",
  });
}
