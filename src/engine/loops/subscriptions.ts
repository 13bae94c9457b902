/**
 * Held topics equal wanted topics. Wanted is derived from the open conversations' states and counted, never stored, so no
 * crash can lose a subscription (design 3.1).
 */
import type { AnyConversationType } from "../../conversation/contract.ts";
import type { ContentTopic } from "../../wire/ids.ts";

interface Wanted {
  count: number;
  /** Creation of the oldest conversation that wants the topic: where its history begins when there is no cursor. */
  sinceMs: number;
}

export class Subscriptions {
  readonly #wanted = new Map<ContentTopic, Wanted>();
  readonly #onChange: (topics: readonly ContentTopic[]) => void;
  #isStarted = false;

  constructor(onChange: (topics: readonly ContentTopic[]) => void) {
    this.#onChange = onChange;
  }

  /** The topics of a conversation are fixed for its life (profile 8.4), so only opening and closing count. */
  opened(type: AnyConversationType, state: unknown): void {
    const sinceMs = type.summary(state).createdAtMs;
    let isNew = false;
    for (const topic of type.contentTopics(state)) {
      const wanted = this.#wanted.get(topic);
      if (wanted === undefined) {
        this.#wanted.set(topic, { count: 1, sinceMs });
        isNew = true;
      } else {
        wanted.count += 1;
        wanted.sinceMs = Math.min(wanted.sinceMs, sinceMs);
      }
    }
    if (isNew) this.#changed();
  }

  closed(type: AnyConversationType, state: unknown): void {
    let isGone = false;
    for (const topic of type.contentTopics(state)) {
      const wanted = this.#wanted.get(topic);
      if (wanted === undefined) continue;
      wanted.count -= 1;
      if (wanted.count === 0) {
        this.#wanted.delete(topic);
        isGone = true;
      }
    }
    if (isGone) this.#changed();
  }

  /** From now on every change is passed on; the first call passes on what there is. */
  start(): void {
    this.#isStarted = true;
    this.#changed();
  }

  topics(): ContentTopic[] {
    return [...this.#wanted.keys()];
  }

  sinceMs(topic: ContentTopic): number | undefined {
    return this.#wanted.get(topic)?.sinceMs;
  }

  #changed(): void {
    if (this.#isStarted) this.#onChange(this.topics());
  }
}
