/** The event log as an endless stream, which goes on after an interruption, and acknowledges. */
import type { AdminClient } from "../client.ts";
import type { UmbradEvent } from "./events.ts";
import { isRetryable, Pauses } from "./patience.ts";

/** Where a stream begins, what it gives, who acknowledges and when it ends. */
export interface ListenOptions<Type extends EventType = EventType> {
  /** Go on where this consumer's acknowledgements end; made on first use. Two readers of one name refuse each other. */
  readonly consumer?: string;
  /**
   * `auto`: an event is acknowledged when the next one is asked for, so one whose handling threw comes again. `manual`: by
   * `acknowledge`.
   */
  readonly ack?: "auto" | "manual";
  /**
   * Begin after this event: without a consumer instead of now; with one that is new instead of at the oldest event; with
   * one that is further already it changes nothing.
   */
  readonly after?: number;
  /** Handles, names or ids; not with a consumer. */
  readonly conversations?: readonly string[];
  /** Only these, and `events.gap`. A consumer's place moves over the others by itself. */
  readonly types?: readonly Type[];
  /** Ends the stream. */
  readonly signal?: AbortSignal;
}

/** What `listen` gives for these types. */
export type EventOfType<Type extends EventType> = Extract<UmbradEvent, { readonly type: Type | "events.gap" }>;

type EventType = UmbradEvent["type"];
type Acknowledge = (consumer: string, seq: number) => Promise<unknown>;

export async function* listen<Type extends EventType = EventType>(
  admin: AdminClient,
  acknowledge: Acknowledge,
  options: ListenOptions<Type>,
): AsyncGenerator<EventOfType<Type>, void, undefined> {
  const { consumer, ack = "auto", signal } = options;
  const pauses = new Pauses();
  let { after } = options;
  let isFirst = true;
  while (signal?.aborted !== true) {
    try {
      const stream = await admin.events(queryOf(options, after));
      const close = (): void => stream.close();
      signal?.addEventListener("abort", close);
      try {
        isFirst = false;
        after = Math.max(after ?? 0, stream.after);
        for await (const line of stream.lines) {
          const event: EventOfType<Type> = JSON.parse(line);
          after = event.seq;
          pauses.reset();
          yield event;
          if (consumer !== undefined && ack === "auto") await acknowledgeAtLast(acknowledge, consumer, event.seq);
        }
      } finally {
        signal?.removeEventListener("abort", close);
        close();
      }
    } catch (error) {
      if (isFirst || !isRetryable(error)) throw error;
    }
    await pauses.wait(signal);
  }
}

function queryOf(
  { consumer, conversations = [], types = [] }: ListenOptions,
  after: number | undefined,
): URLSearchParams {
  const query = new URLSearchParams({ follow: "true" });
  if (after !== undefined) query.set("after", String(after));
  if (consumer !== undefined) query.set("consumer", consumer);
  for (const conversation of conversations) query.append("conversation", conversation);
  for (const type of types) query.append("type", type);
  return query;
}

/** A daemon that has just gone away gets it with the next acknowledgement: each covers all that came before. */
async function acknowledgeAtLast(acknowledge: Acknowledge, consumer: string, seq: number): Promise<void> {
  try {
    await acknowledge(consumer, seq);
  } catch (error) {
    if (!isRetryable(error)) throw error;
  }
}
