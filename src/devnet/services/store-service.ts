/** Store v3: pages of archived messages, in the order of timestamp and hash (Waku RFC 13). */
import { proto_store, WakuMessage } from "@waku/proto";
import type { Archive, ArchiveQuery, Position } from "../archive.ts";
import type { RequestService } from "./framing.ts";

const { StoreQueryRequest, StoreQueryResponse } = proto_store;
type StoreQuery = ReturnType<typeof StoreQueryRequest.decode>;
type StoreResponse = ReturnType<typeof StoreQueryResponse.decode>;
type Page = Omit<StoreResponse, "requestId">;

/** The protocol's name on the wire. */
export const storeCodec = "/vac/waku/store-query/3.0.0";

const pageSizeDefault = 20;
/** What real service nodes cap a page at. */
const pageSizeMax = 100;
/** Clients read frames of at most 4 MiB and lose the whole connection over a longer one; the rest is for the framing. */
const pageBytesMax = 3 * 1024 * 1024;
/** The bound of the usual database of real service nodes. */
const hashesMax = 100;
/** Each topic is a walk of its own along an index; this bounds what one request may cost. */
const contentTopicsMax = 1_000;

const hashBytes = 32;

/** Serves Store v3 from an archive. `onQuery` is told of each answer. */
export function storeService(archive: Archive, onQuery: () => void): RequestService<StoreQuery> {
  const encode = (requestId: string, page: Page): Uint8Array => {
    onQuery();
    return StoreQueryResponse.encode({ requestId, ...page });
  };
  return {
    codec: storeCodec,
    requestBytesMax: 256 * 1024,
    refusalCodes: { malformed: 400, "too-large": 400, failed: 503 },
    decode: (bytes) => StoreQueryRequest.decode(bytes),
    kindOf: ({ messageHashes, paginationCursor }) => {
      if (messageHashes.length > 0) return "hashes";
      return (paginationCursor?.byteLength ?? 0) > 0 ? "page" : undefined;
    },
    answer: (request) => encode(request.requestId, answerQuery(archive, request)),
    status: (requestId, statusCode, statusDesc) => encode(requestId, { statusCode, statusDesc, messages: [] }),
  };
}

function answerQuery(archive: Archive, request: StoreQuery): Page {
  const fault = faultOf(request);
  if (fault !== undefined) return badRequest(fault);
  let from: Position | undefined;
  // An empty cursor is how a client in a typed language says "no cursor".
  if (request.paginationCursor !== undefined && request.paginationCursor.byteLength > 0) {
    from = archive.positionOf(request.paginationCursor);
    if (from === undefined) return badRequest("the pagination cursor names no message of this store");
  }
  const limit = pageSizeOf(request.paginationLimit);
  const forward = request.paginationForward;
  const reading = { ...(from === undefined ? {} : { from }), forward, limit: limit + 1 };
  return pageOf(archive, archive.positions(queryOf(request), reading), {
    limit,
    forward,
    includeData: request.includeData,
  });
}

/** The page for positions in reading order, one more than `limit` of which shows that there is another page. */
function pageOf(
  archive: Archive,
  positions: readonly Position[],
  { limit, forward, includeData }: { limit: number; forward: boolean; includeData: boolean },
): Page {
  const messages: StoreResponse["messages"] = [];
  let size = 0;
  for (const { hash } of positions.slice(0, limit)) {
    const archived = includeData ? archive.messageOf(hash) : undefined;
    size += archived?.bytes.byteLength ?? 0;
    if (size > pageBytesMax && messages.length > 0) break;
    messages.push(
      archived === undefined
        ? { messageHash: hash }
        : { messageHash: hash, message: WakuMessage.decode(archived.bytes), pubsubTopic: archived.pubsubTopic },
    );
  }
  const last = messages.at(-1)?.messageHash;
  const more = messages.length < positions.length && last !== undefined;
  // Inside a page the order is always ascending; the cursor is where reading stopped, whichever end that is.
  if (!forward) messages.reverse();
  return { statusCode: 200, statusDesc: "OK", messages, ...(more ? { paginationCursor: last } : {}) };
}

function queryOf(request: StoreQuery): ArchiveQuery {
  return {
    ...(request.pubsubTopic === undefined ? {} : { pubsubTopic: request.pubsubTopic }),
    contentTopics: request.contentTopics,
    hashes: request.messageHashes,
    ...(request.timeStart === undefined ? {} : { startNs: request.timeStart }),
    ...(request.timeEnd === undefined ? {} : { endNs: request.timeEnd }),
  };
}

function faultOf(request: StoreQuery): string | undefined {
  const { pubsubTopic, contentTopics, messageHashes, timeStart, timeEnd } = request;
  if (messageHashes.length > 0) {
    if (pubsubTopic !== undefined || contentTopics.length > 0 || timeStart !== undefined || timeEnd !== undefined) {
      return "a query by message hash takes no topics and no time range";
    }
    if (messageHashes.length > hashesMax) return `more than ${hashesMax} message hashes`;
    if (messageHashes.some((hash) => hash.byteLength !== hashBytes)) return "a message hash has 32 bytes";
  }
  if ((pubsubTopic === undefined) !== (contentTopics.length === 0)) {
    return "pubsub topic and content topics must be given together";
  }
  if (contentTopics.length > contentTopicsMax) return `more than ${contentTopicsMax} content topics`;
  if (timeStart !== undefined && timeEnd !== undefined && timeStart > timeEnd)
    return "the time range ends before it starts";
  return undefined;
}

function pageSizeOf(asked: bigint | undefined): number {
  if (asked === undefined || asked === 0n) return pageSizeDefault;
  return asked > BigInt(pageSizeMax) ? pageSizeMax : Number(asked);
}

function badRequest(statusDesc: string): Page {
  return { statusCode: 400, statusDesc, messages: [] };
}
