/** The one rendering of an event of the log, for NDJSON, SSE and whatever else carries events out. */
import type { EngineApi, EventGap, MessageLife } from "../engine/api.ts";
import type { EventRow } from "../engine/ports.ts";
import { contentView } from "./content-view.ts";
import { type MessageView, messageView, rfc3339 } from "./views.ts";

export interface EventView {
  readonly v: 1;
  readonly seq: number;
  readonly ts: string;
  readonly type: string;
  /** Local handle; null for events of the daemon itself. */
  readonly conversation: string | null;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Only these two announce content; the later events of a message name it by its id. */
const eventsWithContent: ReadonlySet<string> = new Set(["message.received", "message.queued"]);

export function eventView(row: EventRow, engine: Pick<EngineApi, "handleOf">): EventView {
  return {
    v: 1,
    seq: row.seq,
    ts: rfc3339(row.atMs),
    type: row.type,
    conversation: row.conversation === undefined ? null : engine.handleOf(row.conversation),
    data: { ...row.data, ...messageFields(row) },
  };
}

/** Stands in the stream where events were and are no more; it has no row of its own, and its seq is that of the last of them. */
export function gapView({ from, to, reason, atMs }: EventGap): EventView {
  return { v: 1, seq: to, ts: rfc3339(atMs), type: "events.gap", conversation: null, data: { from, to, reason } };
}

function messageFields(row: EventRow): Record<string, unknown> {
  const { message } = row;
  if (message === undefined) return {};
  const { messageId } = message;
  if (row.type === "message.failed") return { messageId, retry: `umbrad outbox retry ${messageId}` };
  if (!eventsWithContent.has(row.type)) return { messageId };
  return {
    messageId: message.messageId,
    sender: message.body.sender,
    timestamp: rfc3339(message.timestampMs),
    ...contentView(message.body),
  };
}

/** The life of one message. */
export interface TraceView {
  readonly message: MessageView;
  /** The state in words: what it has reached, or why it has got no further. */
  readonly explanation: string;
  readonly events: readonly EventView[];
  /** null: no envelope of it waits to be published. */
  readonly outbox: {
    readonly attempts: number;
    readonly queuedAt: string;
    readonly nextAt: string;
    readonly lastReason: string | null;
  } | null;
  /** null unless it is published and no Store node is known to have it. */
  readonly publication: {
    /** How often it was published, and how often a Store node did not have it since. */
    readonly times: number;
    readonly looks: number;
    readonly nextLookAt: string | null;
  } | null;
}

export function traceView(life: MessageLife, engine: Pick<EngineApi, "handleOf" | "conversationState">): TraceView {
  const { message, events, outbox, publication, lastReason } = life;
  const { dueAtMs } = publication ?? {};
  return {
    message: messageView(message, engine),
    explanation: explain(life) + unansweredText(life, engine),
    events: events.map((event) => eventView(event, engine)),
    outbox:
      outbox === undefined
        ? null
        : {
            attempts: outbox.attempts,
            queuedAt: rfc3339(outbox.queuedAtMs),
            nextAt: rfc3339(outbox.dueAtMs),
            lastReason: lastReason ?? null,
          },
    publication:
      publication === undefined
        ? null
        : {
            times: publication.times,
            looks: publication.looks,
            nextLookAt: dueAtMs === undefined ? null : rfc3339(dueAtMs),
          },
  };
}

/** Nobody tells who came second that a link was used up: silence is all that is heard (profile 8.1). */
function unansweredText({ message }: MessageLife, engine: Pick<EngineApi, "handleOf" | "conversationState">): string {
  const isOnItsWay = message.direction === "out" && (message.state === "published" || message.state === "stored");
  if (!isOnItsWay || engine.conversationState(engine.handleOf(message.conversation)) !== "unanswered") return "";
  return (
    "; nobody has answered in this conversation yet: they may be away, or somebody else has used the link before, " +
    "or it was revoked: if it stays so, ask for a new link"
  );
}

function explain({ message, events, outbox, publication, lastReason }: MessageLife): string {
  switch (message.state) {
    case "received":
      return "it came in";
    case "queued":
      if (outbox === undefined) return "it is encrypted when the peer has answered: many messages are on their way";
      if (lastReason === undefined) return "it waits to be published";
      return `it is not published yet: ${lastReason}`;
    case "published":
      if (outbox !== undefined) return "it was published, and waits to be published again";
      if (publication === undefined || publication.looks === 0)
        return "a service node took it; Store nodes are asked next";
      return `a service node took it, and no Store node has it, ${publication.looks} looks so far`;
    case "stored":
      return "a Store node has it; the peer has not acknowledged it yet, and it is repeated until it has";
    case "delivered":
      return "the peer has it";
    case "failed": {
      const reason = events.findLast(({ type }) => type === "message.failed")?.data["reason"];
      return `it was given up: ${typeof reason === "string" ? reason : "unknown"}`;
    }
  }
}
