/** Watches a Transport: keeps what it said, waits for what it should say, and reads its history to the end. */
import assert from "node:assert/strict";
import type { IncomingMessage, Transport, TransportEvents, TransportStatus } from "../../../src/engine/ports.ts";
import type { ContentTopic } from "../../../src/wire/ids.ts";

/** Many times what a slow machine needs: only a hang exceeds it. */
const waitMs = 60_000;

/** Keeps what a transport said and lets tests wait for a condition on it. */
export class Recorder implements TransportEvents {
  readonly messages: IncomingMessage[] = [];
  readonly listenings: (readonly ContentTopic[])[] = [];
  status: TransportStatus | undefined;
  readonly #waiting = new Set<() => void>();

  onMessage(message: IncomingMessage): void {
    this.messages.push(message);
    this.#check();
  }

  onListening(topics: readonly ContentTopic[]): void {
    this.listenings.push(topics);
    this.#check();
  }

  onStatus(status: TransportStatus): void {
    this.status = status;
    this.#check();
  }

  /** Resolves as soon as an event makes `condition` true. */
  async until(condition: () => boolean, what: string): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(check);
        reject(new Error(`not within ${waitMs} ms: ${what}`));
      }, waitMs);
      const check = (): void => {
        if (!condition()) return;
        this.#waiting.delete(check);
        clearTimeout(timer);
        resolve();
      };
      this.#waiting.add(check);
    });
  }

  /** Resolves when a subscription to all of `topics` was confirmed after the first `skip` announcements. */
  async listening(topics: readonly ContentTopic[], skip = 0): Promise<void> {
    const heard = (): Set<ContentTopic> => new Set(this.listenings.slice(skip).flat());
    await this.until(() => topics.every((topic) => heard().has(topic)), `listening to ${topics.join(" ")}`);
  }

  payloads(): string[] {
    return this.messages.map(({ payload }) => Buffer.from(payload).toString());
  }

  #check(): void {
    for (const check of [...this.#waiting]) check();
  }
}

/** `/umbra/1/b8-<hex>/proto`. */
export function topicOf(bucket: number): ContentTopic {
  return `/umbra/1/b8-${bucket.toString(16).padStart(2, "0")}/proto` as ContentTopic;
}

/** Publishes and requires that a service node took it. */
export async function publishText(transport: Transport, topic: ContentTopic, text: string): Promise<void> {
  const result = await transport.publish({ topic, payload: Buffer.from(text) }, new AbortController().signal);
  assert.equal(result.kind, "published", JSON.stringify(result));
}

/** The whole answer, page by page. */
export async function readHistory(
  transport: Transport,
  topics: readonly ContentTopic[],
  sinceMs: number,
): Promise<(readonly IncomingMessage[])[]> {
  const pages: (readonly IncomingMessage[])[] = [];
  for await (const page of transport.history({ topics, sinceMs }, new AbortController().signal)) pages.push(page);
  return pages;
}

/** Asks again until the archive has `count` messages: a service node archives after it answers. */
export async function historyOf(
  transport: Transport,
  topics: readonly ContentTopic[],
  sinceMs: number,
  count: number,
): Promise<IncomingMessage[]> {
  const deadline = Date.now() + waitMs;
  for (;;) {
    const found = (await readHistory(transport, topics, sinceMs)).flat();
    if (found.length >= count) return found;
    assert.ok(Date.now() < deadline, `the archive has ${found.length} of ${count} messages`);
  }
}
