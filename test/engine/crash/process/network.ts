/** The network between mortal processes: it outlives them, forgets nothing, and sees whether a hint ever carries other bytes. */
import assert from "node:assert/strict";
import type { IncomingMessage } from "../../../../src/engine/ports.ts";
import { toIncoming, toNanoseconds } from "../../../../src/waku/message.ts";
import { decodeEnvelope } from "../../../../src/wire/envelope.ts";
import type { ContentTopic } from "../../../../src/wire/ids.ts";
import type { NetworkQuestion } from "./words.ts";

const PUBSUB_TOPIC = "/waku/2/rs/66/6";

interface Listener {
  readonly topics: ReadonlySet<ContentTopic>;
  push(message: IncomingMessage): void;
}

export class Network {
  readonly #archive: IncomingMessage[] = [];
  readonly #hashes = new Set<string>();
  readonly #payloads = new Set<string>();
  readonly #byHint = new Map<string, string>();
  readonly #listeners = new Map<string, Listener>();

  hasPayload(payload: Uint8Array): boolean {
    return this.#payloads.has(textOf(payload));
  }

  listen(name: string, topics: readonly ContentTopic[], push: (message: IncomingMessage) => void): void {
    this.#listeners.set(name, { topics: new Set(topics), push });
  }

  leave(name: string): void {
    this.#listeners.delete(name);
  }

  answer(question: NetworkQuestion): unknown {
    switch (question.op) {
      case "publish":
        return this.#carry(question.topic, question.payload);
      case "history": {
        const topics = new Set(question.topics);
        return this.#archive.filter(({ topic, timestampMs }) => topics.has(topic) && timestampMs >= question.sinceMs);
      }
      case "confirm":
        return question.hashes.filter((hash) => this.#hashes.has(textOf(hash)));
    }
  }

  #carry(topic: ContentTopic, payload: Uint8Array): Uint8Array {
    const message = toIncoming(PUBSUB_TOPIC, { payload, contentTopic: topic, timestamp: toNanoseconds(Date.now()) });
    assert.ok(message !== undefined);
    this.#refuseReuse(payload);
    this.#payloads.add(textOf(payload));
    if (!this.#hashes.has(textOf(message.hash))) {
      this.#hashes.add(textOf(message.hash));
      this.#archive.push(message);
    }
    for (const { topics, push } of this.#listeners.values()) if (topics.has(topic)) push(message);
    return message.hash;
  }

  /** A hint is a position of a ratchet: two envelopes with one hint would be two plaintexts under one key. */
  #refuseReuse(payload: Uint8Array): void {
    const decoded = decodeEnvelope(payload);
    assert.ok(decoded.kind === "readable");
    const { hint, encryptedBytes } = decoded.value;
    if (encryptedBytes.member !== "encrypted_bytes") return;
    const text = textOf(payload);
    assert.equal(this.#byHint.get(hint) ?? text, text, "one hint, two payloads");
    this.#byHint.set(hint, text);
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
