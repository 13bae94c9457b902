/**
 * Store v3: all pages of one query at one service node, oldest first. An answer that ends before the node said that it
 * is complete is an error, never an end: the SDK's client silently takes it for one.
 */
import { randomUUID } from "node:crypto";
import type { Connection } from "@libp2p/interface";
import { proto_store } from "@waku/proto";
import { UmbradError } from "../../engine/errors.ts";
import type { Clock, IncomingMessage } from "../../engine/ports.ts";
import { toIncoming, toNanoseconds } from "../message.ts";
import { printable, request, requestDeadlineMs } from "../request.ts";

/** Protocol id of Store v3. */
export const storeCodec = "/vac/waku/store-query/3.0.0";

/** 20 messages of 150 KiB fit the 4 MiB frame that other implementations stop at. */
const pageSize = 20n;
/** A full page with room to spare: 20 x 150 KiB is 3 MB, a node may answer more than it was asked for. */
const answerBytesMax = 8 * 1024 * 1024;
/** A million messages; a node that never ends is dropped here, and the next query resumes at the engine's cursor. */
const pagesMax = 50_000;
/** Pauses after "too many requests": a long catch-up must be able to outlast a node's rate limit. */
const busyPausesMs = [1_000, 2_000, 4_000];

export interface StoreQuery {
  readonly pubsubTopic: string;
  readonly topics: readonly string[];
  readonly sinceMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly deadlineMs?: number;
}

/** Pages until the node gives no cursor; throws `transport/unavailable` on any other end. */
export async function* storePages(
  connection: Connection,
  query: StoreQuery,
): AsyncGenerator<readonly IncomingMessage[], void> {
  const asked = new Set(query.topics);
  const cursors = new Set<string>();
  let cursor: Uint8Array | undefined;
  do {
    const answer = await askPage(connection, query, cursor);
    const page = answer.messages.flatMap((row) => {
      if (row.message === undefined || !asked.has(row.message.contentTopic)) return [];
      const message = toIncoming(query.pubsubTopic, row.message);
      return message === undefined ? [] : [message];
    });
    cursor = answer.paginationCursor?.length ? answer.paginationCursor : undefined;
    if (cursor !== undefined) rejectEndless(cursors, cursor, answer.messages.length);
    if (page.length > 0) yield page;
  } while (cursor !== undefined);
}

async function askPage(
  connection: Connection,
  query: StoreQuery,
  cursor: Uint8Array | undefined,
): Promise<proto_store.StoreQueryResponse> {
  for (const pauseMs of [...busyPausesMs, undefined]) {
    const answer = await askOnce(connection, query, cursor);
    // No status is no answer: an empty frame, or zeros, would otherwise decode to "complete, without messages".
    const status = answer.statusCode ?? 0;
    if (status >= 200 && status < 300) return answer;
    if (status !== 429 || pauseMs === undefined) {
      const said = printable(answer.statusDesc ?? "").trim();
      throw new UmbradError("transport/unavailable", `the Store node answered ${status || "nothing"} ${said}`.trim());
    }
    await pause(pauseMs, query);
  }
  throw new UmbradError("transport/unavailable", "the Store node is busy");
}

async function askOnce(
  connection: Connection,
  query: StoreQuery,
  cursor: Uint8Array | undefined,
): Promise<proto_store.StoreQueryResponse> {
  const frame = proto_store.StoreQueryRequest.encode({
    requestId: randomUUID(),
    includeData: true,
    pubsubTopic: query.pubsubTopic,
    contentTopics: [...query.topics],
    // Only a start: with an end as well, implementations split the range and lose its last part.
    ...(query.sinceMs > 0 ? { timeStart: toNanoseconds(query.sinceMs) } : {}),
    messageHashes: [],
    ...(cursor === undefined ? {} : { paginationCursor: cursor }),
    paginationForward: true,
    paginationLimit: pageSize,
  });
  const { clock, signal } = query;
  const deadlineMs = query.deadlineMs ?? requestDeadlineMs;
  const answer = await request(connection, { codec: storeCodec, frame, answerBytesMax, clock, signal, deadlineMs });
  try {
    return proto_store.StoreQueryResponse.decode(answer);
  } catch (cause) {
    throw new UmbradError("transport/unavailable", "the Store node sent a malformed answer", { cause });
  }
}

// A node that repeats a cursor, or pages without messages, would keep us asking for ever.
function rejectEndless(seen: Set<string>, cursor: Uint8Array, messages: number): void {
  const key = Buffer.from(cursor).toString("base64");
  if (messages === 0 || seen.has(key) || seen.size >= pagesMax) {
    throw new UmbradError("transport/unavailable", "the Store node's pages do not end");
  }
  seen.add(key);
}

async function pause(ms: number, query: StoreQuery): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const abort = (): void => {
      cancel();
      reject(new UmbradError("transport/unavailable", "the query was cancelled"));
    };
    const cancel = query.clock.after(ms, () => {
      query.signal.removeEventListener("abort", abort);
      resolve();
    });
    if (query.signal.aborted) abort();
    else query.signal.addEventListener("abort", abort, { once: true });
  });
}
