/**
 * What an inbox forgets, by the day: used handshakes and links when nothing could repeat them any more, prekeys when nobody
 * may use them. The record `day/<n>` names the records that go after that day, so that no step needs to know all of them.
 */
import { plain } from "../../crypto/bytes.ts";
import { umbra } from "../../wire/gen/umbra.js";
import { accept, type Effect, ignore, type RecordKey, type Transition, type TurnContext } from "../contract.ts";
import { ownBytes } from "../state-version.ts";
import { linkRecord, putLink, readLink } from "./links.ts";
import { dayOf, TIMER_TIDY, tidyLater, withoutExpired } from "./prekeys.ts";
import type { InboxState } from "./state.ts";

type Step = Transition<InboxState>;
const { DayV1 } = umbra.state.v1;

const TIMER_EXPIRE = "expire/";
/** Records dropped in one turn: its commit stays short. */
const TIDY_BATCH = 256;

export function dayRecord(endMs: number): RecordKey {
  return `day/${dayOf(endMs)}`;
}

/** The record is forgotten when the day of `endMs` is over; `day` is what `dayRecord` has now. */
export function forgetLater(key: RecordKey, endMs: number, day: Uint8Array | undefined): readonly Effect[] {
  const keys = [...keysOf(day), key];
  return [{ kind: "put", key: dayRecord(endMs), bytes: plain(DayV1.encode({ keys }).finish()) }, tidyLater(endMs)];
}

export function expireLater(id: string, atMs: number): Effect {
  return { kind: "schedule", name: `${TIMER_EXPIRE}${id}`, atMs, isDate: true };
}

export function fireTimer(state: InboxState, name: string, context: TurnContext): Step {
  if (name.startsWith(TIMER_TIDY)) return tidy(state, name, context);
  if (name.startsWith(TIMER_EXPIRE)) return expire(state, name.slice(TIMER_EXPIRE.length), context);
  return ignore("unknown timer");
}

function tidy(state: InboxState, name: string, context: TurnContext): Step {
  const key = `day/${name.slice(TIMER_TIDY.length)}`;
  if (!context.records.has(key)) return { kind: "lacks", keys: [key] };
  const keys = keysOf(context.records.get(key));
  const left = keys.slice(TIDY_BATCH);
  const valid = withoutExpired(state.prekeys, context.now);
  const next: Effect[] =
    left.length === 0
      ? [{ kind: "drop", key }]
      : [
          { kind: "put", key, bytes: plain(DayV1.encode({ keys: left }).finish()) },
          { kind: "schedule", name, atMs: context.now },
        ];
  const drops = keys.slice(0, TIDY_BATCH).map((each): Effect => ({ kind: "drop", key: each }));
  return accept({ ...state, prekeys: valid.prekeys }, [...valid.effects, ...drops, ...next]);
}

function expire(state: InboxState, id: string, context: TurnContext): Step {
  const key = linkRecord(id);
  if (!context.records.has(key)) return { kind: "lacks", keys: [key] };
  const link = readLink(context.records.get(key));
  if (link === undefined || link.isRevoked || link.isExpired || link.redemptions.length >= link.uses)
    return ignore("the link is over already");
  return accept(state, [
    putLink({ ...link, isExpired: true }),
    { kind: "deliver", event: { type: "invite.expired", id } },
  ]);
}

function keysOf(day: Uint8Array | undefined): readonly string[] {
  return day === undefined ? [] : DayV1.decode(ownBytes(day)).keys;
}
