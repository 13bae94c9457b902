/**
 * A conversation type that does what its input says: tests of the engine drive every path with it. That it needs nothing
 * but the contract shows that a new type changes nothing in the engine.
 */
import {
  accept,
  type ConversationType,
  type Effect,
  type ExpectedHint,
  type Input,
  ignore,
  reject,
  type TokenNeed,
  type Transition,
  type TurnContext,
} from "../../../src/conversation/contract.ts";
import { fromHex, utf8 } from "../../../src/crypto/bytes.ts";
import { blake2sHex } from "../../../src/crypto/hash.ts";
import { textContent } from "../../../src/wire/content-frame.ts";
import { hintHex, hintOf } from "../../../src/wire/conversation-hint.ts";
import { readable } from "../../../src/wire/decoded.ts";
import { encodeEnvelope } from "../../../src/wire/envelope.ts";
import type { ContentTopic, ConversationId, MessageId } from "../../../src/wire/ids.ts";

export interface ProbeState {
  readonly ident: string;
  readonly topic: ContentTopic;
  /** The ident and topic that we publish to. */
  readonly to: string;
  readonly toTopic: ContentTopic;
  readonly createdAtMs: number;
  /** Number of the next envelope expected. */
  readonly next: number;
  readonly sent: number;
  /** What was done, in order. */
  readonly log: readonly string[];
}

/** What an envelope or a command asks for. */
export type Script =
  | { readonly op: "say"; readonly text: string }
  | { readonly op: "refuse" | "ignore" | "throw" | "close" }
  /** Takes so many rounds of the event loop before it decides. */
  | { readonly op: "slow"; readonly rounds: number; readonly text: string }
  | { readonly op: "schedule"; readonly name: string; readonly atMs: number; readonly needs?: TokenNeed }
  | { readonly op: "open"; readonly idents: readonly string[]; readonly refused?: string }
  | { readonly op: "put" | "need"; readonly key: string }
  /** A word to other probes, and to one that the same turn opens if there is none. */
  | { readonly op: "tell"; readonly to: readonly string[]; readonly text: string; readonly opens?: string }
  | { readonly op: "never-decide" };

export interface ProbeOpening {
  readonly ident: string;
  readonly topic?: ContentTopic;
  readonly isRefused?: boolean;
}

/** Hints known ahead. */
export const WINDOW = 4;

export const probeTopic = (name: string): ContentTopic => `/umbra/1/probe-${name}/proto` as ContentTopic;

export function probeState(ident: string, part: Partial<ProbeState> = {}): ProbeState {
  const topic = probeTopic("all");
  return { ident, topic, to: `${ident}-peer`, toTopic: topic, createdAtMs: 0, next: 0, sent: 0, log: [], ...part };
}

/** Envelope number `n` for the probe named `ident`. */
export function probeEnvelope(ident: string, n: number, script: Script, member = "encrypted_bytes"): Uint8Array {
  const bytes = utf8(JSON.stringify(script));
  const encryptedBytes = member === "plaintext" ? { member, bytes } : { member: "encrypted_bytes" as const, bytes };
  return encodeEnvelope({ hint: hintHex(n, utf8(ident)), salt: n, encryptedBytes } as Parameters<
    typeof encodeEnvelope
  >[0]);
}

export const probeType: ConversationType<ProbeState, { kind: "send"; text: string }, ProbeOpening> = {
  name: "probe/v1",
  encryption: { scheme: "none", member: "encrypted_bytes" },
  frames: { decode: (bytes) => readable(bytes) },
  state: {
    encode: (state) => utf8(JSON.stringify(state)),
    decode: (bytes) => JSON.parse(Buffer.from(bytes).toString()) as ProbeState,
  },
  command: {
    safeParse(value) {
      const { kind, text } = value as { kind: string; text: string };
      if (kind !== "send") return { success: false, error: { message: "a probe only sends" } };
      return { success: true, data: { kind, text } };
    },
  },
  conversationId: ({ ident }) => `/probe/v1/${ident}` as ConversationId,
  summary: ({ to, createdAtMs }) => ({ peer: to, createdAtMs }),
  contentTopics: ({ topic }) => [topic],
  *expectedHints({ ident, next }): Generator<ExpectedHint> {
    for (let n = next; n < next + WINDOW; n += 1) {
      yield { kind: "ratcheted", ref: n, derive: () => hintOf(n, utf8(ident)) };
    }
  },
  reads: () => [],

  open(opening, context) {
    if (opening.isRefused === true) return reject("probe/refused", "asked to refuse");
    const { ident, topic = probeTopic("all") } = opening;
    return accept(probeState(ident, { topic, createdAtMs: context.now }), [], { ident });
  },

  step(state, input, context) {
    switch (input.kind) {
      case "envelope": {
        if (input.ref < state.next) return ignore("stale");
        const read = { ...state, next: input.ref + 1 };
        return perform(read, scriptOf(input) ?? { op: "refuse" }, context, sayReceived);
      }
      case "command":
        return command(state, scriptOf(input) ?? { op: "say", text: input.command.text }, context);
      case "timer":
        if (input.name.startsWith("throw")) throw new Error(`timer ${input.name} throws`);
        if (input.name.startsWith("idle")) return ignore("nothing to do");
        if (input.name.startsWith("repeat")) return repeat(state, input.name, input.tokens);
        return accept({ ...state, log: [...state.log, `timer ${input.name}`] }, [say(state, `timer ${input.name}`)]);
      case "told":
        return accept({ ...state, log: [...state.log, `told ${input.name}`] }, []);
      case "rolled-back":
        return accept({ ...state, log: [...state.log, "rolled back"] }, []);
      case "undeliverable":
        return accept(state, [
          { kind: "deliver", event: { type: "message.failed", messageId: input.messageId, reason: input.reason } },
        ]);
    }
  },
};

type Step = Transition<ProbeState> | Promise<Transition<ProbeState>>;

/** `send` of the engine wants a message id in every reply. */
async function command(state: ProbeState, script: Script, context: TurnContext): Promise<Transition<ProbeState>> {
  const transition = await perform(state, script, context, sayQueued);
  return transition.kind === "accept" ? { reply: { messageId: script.op }, ...transition } : transition;
}

function perform(
  state: ProbeState,
  script: Script,
  context: TurnContext,
  sayIt: (state: ProbeState, text: string, context: TurnContext) => Transition<ProbeState>,
): Step {
  switch (script.op) {
    case "say":
      return sayIt(state, script.text, context);
    case "refuse":
      return reject("probe-refused");
    case "ignore":
      return ignore("asked to ignore");
    case "throw":
      throw new Error("asked to throw");
    case "close":
      return accept(state, [{ kind: "close" }]);
    case "slow":
      return slowly(script.rounds, () => sayIt(state, script.text, context));
    case "schedule":
      return accept(state, [{ kind: "schedule", ...scheduled(script) }]);
    case "open":
      return accept(
        state,
        script.idents.map((ident) => opening(ident, script.refused)),
      );
    case "put":
      return accept(state, [{ kind: "put", key: script.key, bytes: utf8(script.key) }]);
    case "need": {
      if (!context.records.has(script.key)) return { kind: "lacks", keys: [script.key] };
      return sayIt(state, context.records.get(script.key) === undefined ? "absent" : "present", context);
    }
    case "tell":
      return accept({ ...state, log: [...state.log, `tells ${script.text}`] }, tellEffects(script));
    case "never-decide":
      return { kind: "lacks", keys: [`key ${context.records.size}`] };
  }
}

function opening(ident: string, refused: string | undefined): Effect {
  return { kind: "open", type: "probe/v1", opening: { ident, isRefused: ident === refused } satisfies ProbeOpening };
}

function tellEffects({ to, text, opens }: Extract<Script, { op: "tell" }>): Effect[] {
  const all = opens === undefined ? to : [...to, opens];
  const words = all.map((ident, index): Effect => {
    return { kind: "tell", to: `/probe/v1/${ident}` as ConversationId, name: `${text} ${index}`, data: utf8(text) };
  });
  return opens === undefined ? words : [...words, opening(opens, undefined)];
}

function scheduled({ name, atMs, needs }: Extract<Script, { op: "schedule" }>) {
  return needs === undefined ? { name, atMs } : { name, atMs, needs };
}

/** The timer `repeat 3` would publish three envelopes, and publishes what it may. */
function repeat(state: ProbeState, name: string, tokens = Number.POSITIVE_INFINITY): Transition<ProbeState> {
  const count = Math.min(Number(name.split(" ")[1]), tokens);
  const effects = Array.from({ length: count }, (_, n): Effect => {
    const envelope = probeEnvelope(state.to, state.sent + n, { op: "say", text: `${state.ident} ${name}` });
    return { kind: "publish", topic: state.toTopic, envelope, purpose: "repeat" };
  });
  return accept({ ...state, sent: state.sent + count, log: [...state.log, `${name}: ${count}`] }, effects);
}

async function slowly<Result>(rounds: number, run: () => Result): Promise<Result> {
  for (let round = 0; round < rounds; round += 1) await new Promise((resolve) => setImmediate(resolve));
  return run();
}

function say(state: ProbeState, text: string): Effect {
  const messageId = blake2sHex(utf8(`${state.ident} in ${text}`)).slice(0, 32) as MessageId;
  const about = { messageId, sender: state.to, timestampMs: 0, content: textContent(text) };
  return { kind: "deliver", event: { type: "message.received", ...about } };
}

function sayReceived(state: ProbeState, text: string): Transition<ProbeState> {
  return accept({ ...state, log: [...state.log, text] }, [say(state, text)]);
}

function sayQueued(state: ProbeState, text: string, { now }: TurnContext): Transition<ProbeState> {
  const messageId = blake2sHex(utf8(`${state.ident} out ${state.sent}`)).slice(0, 32) as MessageId;
  const envelope = probeEnvelope(state.to, state.sent, { op: "say", text });
  return accept(
    { ...state, sent: state.sent + 1, log: [...state.log, `sent ${text}`] },
    [
      { kind: "deliver", event: { type: "message.queued", messageId, timestampMs: now, content: textContent(text) } },
      { kind: "publish", topic: state.toTopic, envelope, purpose: "content", messageId },
    ],
    { messageId },
  );
}

/** A command's text is a script when it begins with `!`. */
function scriptOf(input: Input<{ text: string }>): Script | undefined {
  if (input.kind === "envelope") return JSON.parse(Buffer.from(input.envelope.encryptedBytes.bytes).toString());
  if (input.kind === "command" && input.command.text.startsWith("!")) return JSON.parse(input.command.text.slice(1));
  return undefined;
}

/** The bytes of a hint, for tests of the index. */
export function hintBytes(ident: string, n: number): Uint8Array {
  return fromHex(hintHex(n, utf8(ident))) as Uint8Array;
}
