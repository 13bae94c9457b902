/** What a mortal process and the test that kills it say to each other, over the channel that Node makes between them. */
import type { IncomingMessage } from "../../../../src/engine/ports.ts";
import type { ContentTopic } from "../../../../src/wire/ids.ts";

/** To the network of the test, which outlives every process. */
export type NetworkQuestion =
  | { readonly op: "publish"; readonly topic: ContentTopic; readonly payload: Uint8Array }
  | { readonly op: "history"; readonly topics: readonly ContentTopic[]; readonly sinceMs: number }
  | { readonly op: "confirm"; readonly hashes: readonly Uint8Array[] };

export type Command =
  | { readonly op: "invite" }
  | { readonly op: "accept"; readonly link: string; readonly text: string }
  | { readonly op: "send"; readonly text: string; readonly key: string }
  | { readonly op: "acknowledge"; readonly seq: number }
  | { readonly op: "look"; readonly hashes: readonly Uint8Array[] };

/** The answer to `look`. */
export interface Sight {
  readonly outbox: number;
  readonly lastSeq: number;
  readonly ackedSeq: number;
  /** Which of the Waku message hashes belong to a committed turn. */
  readonly committed: readonly boolean[];
}

/** An event as its consumer sees it. */
export interface Told {
  readonly seq: number;
  readonly type: string;
  readonly messageId: string | undefined;
  readonly text: string | undefined;
}

/** What the last process left on disk, read before the engine starts. */
export interface Wreck {
  /** Committed, and not recorded as published. */
  readonly outbox: readonly Uint8Array[];
  readonly knowsKey: boolean;
  /** Which of the envelopes that had reached it. */
  readonly committed: readonly boolean[];
}

export type ToProcess =
  /** `key`: of a message whose sender was not answered; `got`: Waku message hashes that had reached the process before. */
  | { readonly kind: "begin"; readonly key: string | undefined; readonly got: readonly Uint8Array[] }
  | { readonly kind: "push"; readonly message: IncomingMessage }
  | { readonly kind: "answer"; readonly id: number; readonly answer: unknown }
  | { readonly kind: "command"; readonly id: number; readonly command: Command };

export type FromProcess =
  | { readonly kind: "wreck"; readonly wreck: Wreck }
  | { readonly kind: "ready"; readonly after: number }
  | { readonly kind: "question"; readonly id: number; readonly question: NetworkQuestion }
  | { readonly kind: "listen"; readonly topics: readonly ContentTopic[] }
  /** An envelope has reached the process. */
  | { readonly kind: "got"; readonly hash: Uint8Array }
  | { readonly kind: "events"; readonly events: readonly Told[] }
  | { readonly kind: "reply"; readonly id: number; readonly reply?: unknown; readonly error?: string }
  | { readonly kind: "fault"; readonly text: string };
