/**
 * Merges the answers of several Store nodes, and of several shards, into one stream, oldest first and without exact
 * repetitions: a node that was away itself lacks messages that another one has, and neither knows it.
 */
import { UmbradError } from "../../engine/errors.ts";
import type { IncomingMessage } from "../../engine/ports.ts";

type Page = readonly IncomingMessage[];

/** One node's answer for one shard. */
export interface HistorySource {
  readonly pubsubTopic: string;
  readonly pages: AsyncGenerator<Page, void>;
}

interface Reader {
  readonly pubsubTopic: string;
  readonly pages: AsyncGenerator<Page, void>;
  page: Page;
  index: number;
  state: "reading" | "complete" | "failed";
}

const pageLength = 100;

/**
 * Every message of every source. A source that fails is left out as long as another one answers the same shard to its
 * end; otherwise this throws `transport/unavailable` after yielding what there was.
 */
export async function* mergeHistory(
  sources: readonly HistorySource[],
  onFailure: (error: unknown) => void,
): AsyncGenerator<Page, void> {
  const readers = sources.map((source): Reader => ({ ...source, page: [], index: 0, state: "reading" }));
  let out: IncomingMessage[] = [];
  const isRepetition = createRepetitionFilter();
  try {
    for (;;) {
      const waiting = readers.filter((reader) => reader.state === "reading" && reader.index >= reader.page.length);
      if (waiting.length > 0 && out.length > 0) {
        yield out;
        out = [];
      }
      await Promise.all(waiting.map((reader) => refill(reader, onFailure)));
      const next = takeOldest(readers);
      if (next === undefined) break;
      if (isRepetition(next)) continue;
      out.push(next);
      if (out.length >= pageLength) {
        yield out;
        out = [];
      }
    }
    if (out.length > 0) yield out;
    requireComplete(readers);
  } finally {
    await Promise.allSettled(readers.map((reader) => reader.pages.return()));
  }
}

async function refill(reader: Reader, onFailure: (error: unknown) => void): Promise<void> {
  try {
    while (reader.index >= reader.page.length) {
      const next = await reader.pages.next();
      if (next.done === true) {
        reader.state = "complete";
        return;
      }
      reader.page = next.value;
      reader.index = 0;
    }
  } catch (error) {
    reader.state = "failed";
    onFailure(error);
  }
}

function takeOldest(readers: readonly Reader[]): IncomingMessage | undefined {
  let oldest: Reader | undefined;
  for (const reader of readers) {
    const head = reader.page[reader.index];
    const best = oldest?.page[oldest.index];
    if (head !== undefined && (best === undefined || compare(head, best) < 0)) oldest = reader;
  }
  const taken = oldest?.page[oldest.index];
  if (oldest !== undefined) oldest.index += 1;
  return taken;
}

// Store orders by nanoseconds, then hash. Our milliseconds hide the order inside one, which no reader may rely on.
function compare(one: IncomingMessage, other: IncomingMessage): number {
  return one.timestampMs - other.timestampMs || Buffer.compare(one.hash, other.hash);
}

// Two sources give the same message within the same millisecond of a sorted merge, so one millisecond is remembered.
function createRepetitionFilter(): (message: IncomingMessage) => boolean {
  const seen = new Set<string>();
  let ms = -1;
  return (message) => {
    if (message.timestampMs !== ms || seen.size >= 10_000) seen.clear();
    ms = message.timestampMs;
    const key = Buffer.from(message.hash).toString("base64");
    if (seen.has(key)) return true;
    seen.add(key);
    return false;
  };
}

function requireComplete(readers: readonly Reader[]): void {
  for (const { pubsubTopic } of readers) {
    const answered = readers.some((reader) => reader.pubsubTopic === pubsubTopic && reader.state === "complete");
    if (!answered) throw new UmbradError("transport/unavailable", "no Store node gave a complete answer");
  }
}
