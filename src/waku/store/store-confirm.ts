/** Store v3 by message hash: which of our messages a Store node has archived. Asks for names, never for the messages. */
import { randomUUID } from "node:crypto";
import type { Connection } from "@libp2p/interface";
import { proto_store } from "@waku/proto";
import { UmbradError } from "../../engine/errors.ts";
import type { Clock } from "../../engine/ports.ts";
import { reasonOf, request, requestDeadlineMs } from "../request.ts";
import { storeCodec } from "./store-query.ts";

/** The bound of the usual database of service nodes. */
const hashesPerRequestMax = 100;
const answerBytesMax = 64 * 1024;
/** A message that several nodes do not have is not there. */
const nodesMax = 3;

export interface StoreConfirmation {
  readonly connections: readonly Connection[];
  readonly hashes: readonly Uint8Array[];
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly deadlineMs?: number;
  onFailure(connection: Connection, reason: string): void;
}

/** Those that any node has; throws `transport/unavailable` unless at least one node answered for every one of them. */
export async function confirmStored(asked: StoreConfirmation): Promise<readonly Uint8Array[]> {
  const found: Uint8Array[] = [];
  for (let start = 0; start < asked.hashes.length; start += hashesPerRequestMax) {
    found.push(...(await confirmSome(asked, asked.hashes.slice(start, start + hashesPerRequestMax))));
  }
  return found;
}

async function confirmSome(asked: StoreConfirmation, hashes: readonly Uint8Array[]): Promise<Uint8Array[]> {
  const missing = new Map(hashes.map((hash) => [keyOf(hash), hash]));
  const found: Uint8Array[] = [];
  let answers = 0;
  for (const connection of asked.connections.slice(0, nodesMax)) {
    if (missing.size === 0) break;
    const there = await ask(connection, asked, [...missing.values()]);
    if (there === undefined) continue;
    answers += 1;
    for (const hash of there) {
      const ours = missing.get(keyOf(hash));
      // A name that was not asked for, or twice, says nothing.
      if (ours === undefined || !missing.delete(keyOf(hash))) continue;
      found.push(ours);
    }
  }
  if (answers === 0) throw new UmbradError("transport/unavailable", "no Store node answered");
  return found;
}

/** undefined: no answer that counts. */
async function ask(
  connection: Connection,
  { clock, signal, deadlineMs = requestDeadlineMs, onFailure }: StoreConfirmation,
  hashes: Uint8Array[],
): Promise<readonly Uint8Array[] | undefined> {
  const frame = proto_store.StoreQueryRequest.encode({
    requestId: randomUUID(),
    includeData: false,
    contentTopics: [],
    messageHashes: hashes,
    paginationForward: true,
    paginationLimit: BigInt(hashesPerRequestMax),
  });
  try {
    const call = { codec: storeCodec, frame, answerBytesMax, clock, signal, deadlineMs };
    const answer = proto_store.StoreQueryResponse.decode(await request(connection, call));
    const status = answer.statusCode ?? 0;
    if (status < 200 || status >= 300) throw new Error(`the Store node answered ${status}`);
    return answer.messages.flatMap(({ messageHash }) => (messageHash === undefined ? [] : [messageHash]));
  } catch (error) {
    onFailure(connection, reasonOf(error));
    return undefined;
  }
}

function keyOf(hash: Uint8Array): string {
  return Buffer.from(hash).toString("hex");
}
