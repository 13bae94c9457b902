/** The one rendering of an event of the log, for NDJSON, SSE and whatever else carries events out. */
import type { EngineApi, EventGap } from "../engine/api.ts";
import type { EventRow } from "../engine/ports.ts";
import { contentView } from "./content-view.ts";
import { rfc3339 } from "./views.ts";

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
  if (!eventsWithContent.has(row.type)) return { messageId: message.messageId };
  return {
    messageId: message.messageId,
    sender: message.body.sender,
    timestamp: rfc3339(message.timestampMs),
    ...contentView(message.body),
  };
}
