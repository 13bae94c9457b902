/**
 * One turn: load, step, one commit. `step` runs outside any transaction; what it decides is written at once, guarded by
 * the revision, and only then does memory change (design 2). Callers must post turns through the mailbox.
 */
import type {
  AnyConversationType,
  Effect,
  Input,
  Purpose,
  RecordKey,
  Transition,
  TurnContext,
} from "../../conversation/contract.ts";
import { InvariantError, invariant } from "../errors.ts";
import { LACKS_ROUNDS_MAX } from "../limits.ts";
import type { Meter } from "../port/meter.ts";
import type {
  Clock,
  CommitReceipt,
  ConversationNumber,
  ConversationWrite,
  Spend,
  Store,
  TimerRow,
  TurnCommit,
} from "../ports.ts";
import type { Registry } from "../registry.ts";
import { conversationWrite, type Target } from "./conversation-write.ts";
import type { LoadedConversation, States } from "./states.ts";

/** Begins the name of a timer row that is a word of another conversation: `tell/<number>.<revision>/<name>`. */
const TELL_PREFIX = "tell/";

/** What one commit made of one conversation: enough to update memory. */
export interface CommittedConversation {
  readonly number: ConversationNumber;
  readonly type: AnyConversationType;
  /** undefined: opened by this turn. */
  readonly before: unknown;
  /** undefined: closed by this turn. */
  readonly after: unknown;
}

export type TurnOutcome =
  | {
      readonly kind: "accepted";
      readonly reply: unknown;
      /** Conversations that the turn opened, with what their opening replied. */
      readonly opened: readonly { readonly number: ConversationNumber; readonly reply: unknown }[];
      readonly receipt: CommitReceipt;
      readonly changed: readonly CommittedConversation[];
      readonly refusedInside: string | undefined;
      readonly wrote: { readonly outbox: boolean; readonly timers: boolean };
    }
  | { readonly kind: "ignored"; readonly reason: string }
  | { readonly kind: "rejected"; readonly reason: string; readonly detail: string | undefined };

/** What a turn consumes besides its input: written in the same commit. */
export type TurnOrigin = Pick<TurnCommit, "seenWakuHash" | "cursor" | "firedTimer" | "unparked" | "removeOutbox"> & {
  readonly idempotency?: { readonly key: string; readonly fingerprint: string };
  /** Asked for what the turn pays, when it is known how many acknowledgements and repetitions it publishes. */
  readonly charge?: (envelopes: number) => Spend;
};

export interface TurnPorts {
  readonly store: Store;
  readonly states: States;
  readonly registry: Registry;
  readonly clock: Clock;
  /** As in TurnContext. */
  readonly isMetered: boolean;
  readonly meter?: Meter | undefined;
  /** Durable on resolution. */
  commit(turn: TurnCommit): Promise<CommitReceipt>;
  nextConversationNumber(): ConversationNumber;
}

interface Draft {
  readonly writes: ConversationWrite[];
  readonly changed: CommittedConversation[];
  readonly loaded: LoadedConversation[];
  readonly opened: { number: ConversationNumber; reply: unknown }[];
  readonly told: Told[];
}

interface Told {
  readonly effect: Extract<Effect, { kind: "tell" }>;
  /** Who tells, at which revision: a name that no other word has. */
  readonly from: string;
}

export async function runTurn(
  ports: TurnPorts,
  number: ConversationNumber,
  input: Input<unknown>,
  origin: TurnOrigin,
): Promise<TurnOutcome> {
  const conversation = ports.states.load(number);
  if (conversation === undefined) return { kind: "ignored", reason: "the conversation is closed or gone" };
  const now = ports.clock.now();
  const transition = await stepWithRecords(ports, conversation, input, now);
  if (transition.kind === "ignore") return { kind: "ignored", reason: transition.reason };
  if (transition.kind === "reject") return { kind: "rejected", reason: transition.reason, detail: transition.detail };

  const draft: Draft = { writes: [], changed: [], loaded: [], opened: [], told: [] };
  const refusal = addConversation(ports, draft, { ...conversation, before: conversation.state }, transition, now);
  if (refusal !== undefined) return refusal;
  const reply = transition.reply ?? null;
  const { idempotency, charge, ...consumed } = origin;
  const tells = tellWrites(ports.store, draft, now);
  const turn: TurnCommit = {
    atMs: now,
    conversations: draft.writes,
    ...(tells.length === 0 ? {} : { tells }),
    ...consumed,
    ...(charge === undefined ? {} : { spend: charge(sharedEnvelopes(draft.writes)) }),
    ...(idempotency === undefined ? {} : { idempotency: { ...idempotency, reply } }),
  };
  const receipt = await commit(ports, draft, turn);
  return {
    kind: "accepted",
    reply,
    opened: draft.opened,
    receipt,
    changed: draft.changed,
    refusedInside: transition.refusedInside,
    wrote: {
      outbox: draft.writes.some((write) => write.outbox.length > 0),
      timers: tells.length > 0 || draft.writes.some((write) => write.setTimers.length > 0),
    },
  };
}

function sharedEnvelopes(writes: readonly ConversationWrite[]): number {
  const isShared = (purpose: Purpose): boolean => purpose === "acknowledgement" || purpose === "repeat";
  return writes.flatMap(({ outbox }) => outbox).filter(({ purpose }) => isShared(purpose)).length;
}

/** Looked up when the whole turn is drafted: a conversation may tell another that it opens. */
function tellWrites(store: Store, draft: Draft, atMs: number): Required<Omit<TimerRow, "needs">>[] {
  return draft.told.flatMap(({ effect, from }) => {
    const opened = draft.writes.find((write) => write.conversationId === effect.to);
    const to = opened?.number ?? store.conversationById(effect.to);
    if (to === undefined) return [];
    return [{ conversation: to, atMs, name: `${TELL_PREFIX}${from}/${effect.name}`, data: effect.data }];
  });
}

type Decided = Exclude<Transition<unknown>, { kind: "lacks" }>;

async function stepWithRecords(
  ports: TurnPorts,
  conversation: LoadedConversation,
  input: Input<unknown>,
  now: number,
): Promise<Decided> {
  const { type, state, number } = conversation;
  const records = new Map<RecordKey, Uint8Array | undefined>();
  const meter = input.kind === "envelope" ? ports.meter : undefined;
  let spentMs = 0;
  let wanted = type.reads(state, input);
  for (let round = 0; round < LACKS_ROUNDS_MAX; round += 1) {
    if (wanted.length > 0) {
      const found = ports.store.records(number, wanted);
      for (const key of wanted) records.set(key, found.get(key));
    }
    const beganMs = meter?.time() ?? 0;
    const stepped = type.step(state, input, contextOf(ports, now, records));
    // Most steps are over by now; what others do before this turn goes on is none of it.
    const transition = stepped instanceof Promise ? await stepped : stepped;
    if (meter !== undefined) spentMs += meter.time() - beganMs;
    if (transition.kind !== "lacks") {
      meter?.stepped(spentMs);
      return transition;
    }
    wanted = transition.keys;
  }
  throw new InvariantError(`${type.name} asked for records ${LACKS_ROUNDS_MAX} times without deciding`);
}

function contextOf({ clock, isMetered }: TurnPorts, now: number, records: TurnContext["records"]): TurnContext {
  return { now, isMetered, random: (length) => clock.random(length), records };
}

async function commit(ports: TurnPorts, draft: Draft, turn: TurnCommit): Promise<CommitReceipt> {
  try {
    const receipt = await ports.commit(turn);
    for (const loaded of draft.loaded) {
      if (loaded.state === undefined) ports.states.forget(loaded.number);
      else ports.states.keep(loaded);
    }
    return receipt;
  } catch (error) {
    // Whatever is on disk is the truth now: never step again from a state whose commit failed.
    for (const loaded of draft.loaded) ports.states.forget(loaded.number);
    throw error;
  }
}

/** Adds one accepted transition, and the conversations it opens, to the draft. A refused opening refuses the turn. */
function addConversation(
  ports: TurnPorts,
  draft: Draft,
  target: Target,
  transition: Extract<Transition<unknown>, { kind: "accept" }>,
  now: number,
): Extract<TurnOutcome, { kind: "rejected" }> | undefined {
  const write = conversationWrite(target, transition, now);
  draft.writes.push(write);
  draft.changed.push({
    number: target.number,
    type: target.type,
    before: target.before,
    after: write.closed ? undefined : transition.state,
  });
  draft.loaded.push({
    number: target.number,
    type: target.type,
    revision: target.revision + 1,
    state: write.closed ? undefined : transition.state,
  });
  for (const effect of transition.effects) {
    if (effect.kind === "tell") draft.told.push({ effect, from: `${target.number}.${target.revision}` });
    if (effect.kind !== "open") continue;
    const type = ports.registry.type(effect.type);
    const opening = type.open(effect.opening, contextOf(ports, now, new Map()));
    if (opening.kind === "reject") return { kind: "rejected", reason: opening.reason, detail: opening.detail };
    invariant(
      opening.kind === "accept",
      "an opening is accepted or rejected: it has no records to lack and nothing to ignore",
    );
    const number = ports.nextConversationNumber();
    const refusal = addConversation(ports, draft, { number, type, revision: 0, before: undefined }, opening, now);
    if (refusal !== undefined) return refusal;
    draft.opened.push({ number, reply: opening.reply ?? null });
  }
  return undefined;
}

/** What a due row is to its conversation. */
export function timerInput({ name, data }: TimerRow, tokens?: number): Input<unknown> {
  if (data === undefined) return tokens === undefined ? { kind: "timer", name } : { kind: "timer", name, tokens };
  return { kind: "told", name: name.slice(name.indexOf("/", TELL_PREFIX.length) + 1), data };
}
