/** For whoever runs the daemon: its log, the levels of that, and its configuration. Works while the engine starts, too. */
import * as answers from "../api/answers.ts";
import { type Call, endpoint } from "../api/endpoint.ts";
import { streamLog } from "../log/stream-log.ts";
import * as schema from "../schema.ts";

export const reload = endpoint({
  id: "reload",
  summary: "Read the configuration again: what may change while the daemon runs does, all of it or nothing",
  answer: answers.reloaded,
  handle: ({ host }) => host.operator.reload(),
});

export const levels = endpoint({
  id: "logLevels",
  summary: "The levels of the log, and what was changed while the daemon runs",
  answer: answers.levels,
  handle: ({ host }) => host.operator.log.levels(),
});

export const changeLevels = endpoint({
  id: "changeLogLevels",
  summary: "Change levels of the log, for a while or until the daemon ends",
  body: schema.levelBody,
  answer: answers.levels,
  handle: ({ host, body }) => host.operator.log.changeLevels(body.changes, body.forMs),
});

export const resetLevels = endpoint({
  id: "resetLogLevels",
  summary: "The levels of the configuration again",
  answer: answers.levels,
  handle: ({ host }) => host.operator.log.resetLevels(),
});

export const log = endpoint({
  id: "log",
  summary: "The newest lines of the log, once or following, as NDJSON; also those that were not written",
  query: schema.logQuery,
  answer: "log",
  async handle(call) {
    await answerLog(call);
    return undefined;
  },
});

async function answerLog({
  host,
  open,
  query,
  request,
  reply,
}: Call<unknown, schema.LogQuery, unknown>): Promise<void> {
  reply.hijack();
  const headers = { "content-type": "application/x-ndjson", "cache-control": "no-store", "umbrad-api": "1" };
  reply.raw.writeHead(200, headers).flushHeaders();
  const end = await streamLog(host.operator.log, reply.raw, query, open.streamsEnd, open.pace);
  if (end !== "stalled") return;
  const fields = { event: "admin.reader-cut", component: "admin", requestId: request.id };
  host.log.warn(fields, "a reader of the log stood still");
}
