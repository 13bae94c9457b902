/** The conversation type private/v1: two participants, Double Ratchet with header encryption, ratcheted hints (profile 8.5, 8.6, 8.8, 8.9). */
import { z } from "zod";
import { utf8 } from "../../crypto/bytes.ts";
import { expectedHints } from "../../protocol/double-ratchet/registered-hints.ts";
import { type ContentFrame, textContent } from "../../wire/content-frame.ts";
import { FILE_BYTES_MAX, type FileContent, fileContent, isFileName, isMediaType } from "../../wire/file-content.ts";
import { decodePrivateFrame } from "../../wire/private-frame.ts";
import {
  type ConversationSummary,
  type ConversationType,
  ignore,
  reject,
  type Transition,
  type TurnContext,
} from "../contract.ts";
import type { PairwiseOpening } from "../pairwise-opening.ts";
import { readWord } from "../pairwise-words.ts";
import { withoutFutureTimes } from "./clock/set-back.ts";
import { Draft } from "./draft.ts";
import { skippedKeysOf } from "./forgetting/spill-keys.ts";
import { openPrivate } from "./open.ts";
import { cancel } from "./outbox/cancel.ts";
import { retry } from "./outbox/retry.ts";
import { receiveEnvelope } from "./receive.ts";
import { beRolledBack, REFUSED_ROLLED_BACK } from "./relations/rollback.ts";
import { close, decideStanding, hear } from "./relations/standing.ts";
import { giveUp } from "./resend.ts";
import { conversationIdOf, sendContent } from "./send.ts";
import { OUTGOING_SETS_MAX, type PrivateState, TEXT_BYTES_MAX, WAITING_MAX } from "./state.ts";
import { privateStateCodec } from "./state-codec.ts";
import { fireTimer, timerReads } from "./timers.ts";

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array);
const command = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("send"), text: z.string().min(1) }),
  z.strictObject({
    kind: z.literal("send-file"),
    name: z.string().refine(isFileName, "a file name is needed, not a path"),
    mime: z.string().refine(isMediaType, "a media type is type/subtype").optional(),
    data: bytes,
  }),
  z.strictObject({ kind: z.literal("cancel"), messageId: z.string(), envelopes: z.array(bytes) }),
  z.strictObject({
    kind: z.literal("retry"),
    messageId: z.string(),
    timestampMs: z.int().min(0),
    content: z.strictObject({ domain: z.int(), tag: z.int(), bytes }),
  }),
  z.strictObject({ kind: z.literal("accept") }),
  z.strictObject({ kind: z.literal("block") }),
  z.strictObject({ kind: z.literal("unblock") }),
  z.strictObject({ kind: z.literal("close") }),
]);
type PrivateCommand = z.infer<typeof command>;

export const privateV1: ConversationType<PrivateState, PrivateCommand, PairwiseOpening> = {
  name: "private/v1",
  encryption: {
    scheme: "Double Ratchet with header encryption, X25519, ChaCha20-Poly1305, BLAKE2b",
    member: "encrypted_bytes",
  },
  frames: { decode: decodePrivateFrame },
  state: privateStateCodec,
  command,
  conversationId: conversationIdOf,
  summary: summarise,
  open: openPrivate,
  contentTopics: ({ ourTopics }) => ourTopics,
  expectedHints: ({ ratchet }) => expectedHints(ratchet),

  reads: (state, input) => (input.kind === "timer" ? timerReads(state, input.name) : []),

  step(stored, input, context): Transition<PrivateState> {
    const state = withoutFutureTimes(stored, context.now);
    switch (input.kind) {
      case "envelope":
        return receiveEnvelope(state, input.envelope, input.ref, context);
      case "timer":
        return fireTimer(state, input, context);
      case "command":
        return obey(state, input.command, context);
      case "told":
        return hear(state, readWord(input.data), context);
      case "rolled-back":
        return beRolledBack(state, context);
      case "undeliverable": {
        const whole = state.outgoing.find((set) => set.messageId === input.messageId)?.serial;
        const messages = state.unacknowledged.filter((sent) =>
          sent.set === 0 || sent.set !== whole ? sent.messageId === input.messageId : true,
        );
        if (messages.length === 0) return ignore("not on its way");
        const draft = new Draft(state, context);
        giveUp(draft, messages, input.reason);
        return draft.accept();
      }
    }
  },
};

function summarise(state: PrivateState): ConversationSummary {
  const { peerAddress, createdAtMs, hasHeard, openBytes, isBlocked, isUndecided, isRolledBack } = state;
  const held = { incompleteBytes: openBytes, skippedKeys: skippedKeysOf(state) };
  const summary = { peer: peerAddress, createdAtMs, isHeard: hasHeard, ...held };
  if (isBlocked) return { ...summary, standing: "blocked" };
  if (isUndecided) return { ...summary, standing: "undecided" };
  return isRolledBack ? { ...summary, standing: "rolled-back" } : summary;
}

function obey(state: PrivateState, command: PrivateCommand, context: TurnContext): Transition<PrivateState> {
  switch (command.kind) {
    case "send":
      return sendText(state, command.text, context);
    case "send-file":
      return sendFile(state, command, context);
    case "cancel":
      return cancel(state, command, context);
    case "retry":
      return retry(state, command, context);
    case "close":
      return close(state);
    default:
      return decideStanding(state, command.kind, context);
  }
}

function sendText(state: PrivateState, text: string, context: TurnContext): Transition<PrivateState> {
  const { length } = utf8(text);
  if (length > TEXT_BYTES_MAX)
    return reject("message/too-large", `the text has ${length} bytes, the limit is ${TEXT_BYTES_MAX}`);
  return send(state, textContent(text), context);
}

function sendFile(state: PrivateState, file: FileContent, context: TurnContext): Transition<PrivateState> {
  const { length } = file.data;
  if (length > FILE_BYTES_MAX)
    return reject("message/too-large", `the file has ${length} bytes, the limit is ${FILE_BYTES_MAX}`);
  return send(state, fileContent(file), context);
}

/** A peer that never answers must not fill the disk, nor wholes that nobody acknowledges the state. */
function send(state: PrivateState, content: ContentFrame, context: TurnContext): Transition<PrivateState> {
  if (state.isBlocked) return reject("contact/blocked", "you blocked this contact: unblock it first");
  if (state.isUndecided) return reject("contact/undecided", "this is a contact request: accept it first");
  if (state.isRolledBack) return reject("conversation/rolled-back", REFUSED_ROLLED_BACK);
  if (state.waitingEnd - state.waitingFirst >= WAITING_MAX)
    return reject("message/queue-full", `${WAITING_MAX} messages wait already for the peer to answer`);
  if (state.outgoing.length >= OUTGOING_SETS_MAX)
    return reject("message/queue-full", `${OUTGOING_SETS_MAX} files or long texts wait already for the peer to answer`);
  const draft = new Draft(state, context);
  const messageId = sendContent(draft, content);
  return draft.accept({ reply: { messageId } });
}
