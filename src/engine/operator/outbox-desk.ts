/** What operators do about messages that have not left, or have failed (ADR 0037). */

import type { ContentFrame } from "../../wire/content-frame.ts";
import { fileContent, fileOf } from "../../wire/file-content.ts";
import type { MessageId } from "../../wire/ids.ts";
import type { Commands } from "../commands.ts";
import { expired, messageContent } from "../content/message-content.ts";
import { handleOf } from "../conversations.ts";
import { UmbradError } from "../errors.ts";
import type { OutboxLoop } from "../loops/outbox.ts";
import type { Clock, MessageRow, OutboxRow, Store } from "../ports.ts";
import type { OutboxApi, WaitingView } from "./port.ts";

interface DeskDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly commands: Commands;
  readonly outbox: OutboxLoop;
}

type Answer = ReturnType<OutboxApi["cancel"]>;

export class OutboxDesk implements OutboxApi {
  readonly #deps: DeskDeps;

  constructor(deps: DeskDeps) {
    this.#deps = deps;
  }

  list(limit: number): ReturnType<OutboxApi["list"]> {
    const { store } = this.#deps;
    const rows = store.outboxList(limit);
    const encrypted = new Set(rows.map(({ messageId }) => messageId));
    const others = store.queuedMessages(limit).filter(({ messageId }) => !encrypted.has(messageId));
    // Past the limit a message may have its envelope on a page that was not read.
    const isPage = rows.length === limit;
    const unencrypted = others.filter((row) => !isPage || this.#rows(row.conversation, row.messageId).length === 0);
    const waiting = [...rows.map((row) => this.#encrypted(row)), ...unencrypted.map(unencryptedView)];
    return { waiting: waiting.slice(0, limit), total: store.outboxCount() };
  }

  async retry(messageId: string): Answer {
    const { store, clock, commands, outbox } = this.#deps;
    const row = this.#known(messageId);
    const { conversation, timestampMs, body } = row;
    if (row.state === "queued") {
      for (const { id } of this.#rows(conversation, row.messageId)) store.outboxHasten(id, clock.now());
      outbox.resume();
      return { messageId, state: "queued" };
    }
    if (row.state !== "failed") throw alreadyLeft(row);
    if (body.isExpired) throw expired();
    const content = wholeContent(store, row);
    await commands.run(conversation, { kind: "retry", messageId, timestampMs, content }, {});
    return this.#answer(messageId);
  }

  async cancel(messageId: string): Answer {
    const { commands, outbox } = this.#deps;
    const row = this.#known(messageId);
    if (row.state !== "queued") throw alreadyLeft(row);
    const rows = this.#rows(row.conversation, row.messageId);
    const ids = rows.map(({ id }) => id);
    if (!outbox.hold(ids))
      throw new UmbradError("message/leaving", "the message is leaving right now", {
        hint: `umbrad outbox cancel ${messageId} again, if it has not left by then`,
      });
    try {
      const envelopes = rows.map(({ envelope }) => envelope);
      await commands.run(row.conversation, { kind: "cancel", messageId, envelopes }, { removeOutbox: ids });
    } finally {
      outbox.release(ids);
    }
    return this.#answer(messageId);
  }

  /** Those of a message: by its id, and repetitions of the same envelopes, which name nobody. */
  #rows(conversation: number, messageId: MessageId): OutboxRow[] {
    const all = this.#deps.store.outboxList(Number.MAX_SAFE_INTEGER, conversation);
    const own = all.filter((row) => row.messageId === messageId).map(({ envelope }) => Buffer.from(envelope));
    return all.filter((row) => row.messageId === messageId || own.some((envelope) => envelope.equals(row.envelope)));
  }

  #encrypted(row: OutboxRow): WaitingView {
    const { messageId, conversation, purpose, attempts, queuedAtMs, dueAtMs } = row;
    return {
      messageId,
      conversation: handleOf(conversation),
      purpose,
      isEncrypted: true,
      attempts,
      queuedAtMs,
      nextAtMs: dueAtMs,
      reason: this.#deps.outbox.lastReason(row.id),
    };
  }

  #known(messageId: string): MessageRow {
    const row = this.#deps.store.message(messageId as MessageId);
    if (row === undefined)
      throw new UmbradError("message/unknown", `no message has the id ${JSON.stringify(messageId)}`, {
        hint: "umbrad outbox list",
      });
    if (row.direction === "in")
      throw new UmbradError("message/received", "the message was received: nothing of it waits to be sent");
    return row;
  }

  #answer(messageId: string): Awaited<Answer> {
    return { messageId, state: this.#known(messageId).state };
  }
}

/** With the bytes that are not in its row. */
function wholeContent(store: Store, { messageId, conversation, body }: MessageRow): ContentFrame {
  const { domain, tag, bytes } = body;
  const file = fileOf(body);
  if (body.attachment?.parts === undefined || file === undefined) return { domain, tag, bytes };
  try {
    return fileContent({ ...file, data: Buffer.concat([...messageContent(store, messageId).chunks()]) });
  } catch (error) {
    if (!(error instanceof UmbradError)) throw error;
    throw new UmbradError("message/content-not-kept", "the bytes of this file are not kept any more", {
      hint: `umbrad send ${handleOf(conversation)} --file FILE sends it anew`,
    });
  }
}

function alreadyLeft({ messageId, state }: MessageRow): UmbradError {
  const what = {
    delivered: "the peer has it",
    failed: "it has failed and is sent no more",
  } as const;
  const why =
    state === "delivered" || state === "failed" ? what[state] : "it has left, and is repeated until the peer has it";
  return new UmbradError("message/already-left", `the message is ${state}: ${why}`, {
    hint: state === "failed" ? `umbrad outbox retry ${messageId} sends it again` : `umbrad message trace ${messageId}`,
  });
}

function unencryptedView({ messageId, conversation, timestampMs }: MessageRow): WaitingView {
  return {
    messageId,
    conversation: handleOf(conversation),
    purpose: "content",
    isEncrypted: false,
    attempts: 0,
    queuedAtMs: timestampMs,
    nextAtMs: undefined,
    reason: "many messages are on their way: it is encrypted when the peer has answered",
  };
}
