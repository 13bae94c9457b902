/** The outages that the sender rules were chosen by (profile 8.5 "Measured"), for the real code. Two nodes each. */
import type { Chance } from "./world/chance.ts";

export const minuteMs = 60_000;
export const hourMs: number = 60 * minuteMs;
export const dayMs: number = 24 * hourMs;

/** What is dead between the two: nothing published arrives or is archived, and whoever publishes is told that it was. */
export type Dead = "both" | "to-guest" | "to-host";

export interface Scenario {
  /** How long people write; the outage begins with it. */
  readonly talkMs: number;
  readonly outage?: { readonly ms: number; readonly dead: Dead | "any" };
  /** The guest's node is off for so long. */
  readonly guestAwayMs?: number;
  /** Share of what is published that no archive keeps: 1 is no Store. */
  readonly loseArchive?: number;
  /** In percent, while people write and ever after. */
  readonly loss?: number;
  readonly delayMs?: readonly [number, number];
  readonly duplicates?: number;
  /** Both are killed at random while people write. */
  readonly kills?: boolean;
  /** The link is used in the outage. */
  readonly isNew?: boolean;
  readonly oneWay?: boolean;
  readonly messages: readonly [number, number];
}

const some = [1, 40] as const;

function outage(ms: number, dead: Dead | "any" = "any"): Scenario {
  return { talkMs: ms, outage: { ms, dead }, messages: some };
}

export const scenarios: Readonly<Record<string, Scenario>> = {
  "loss 10 %": { talkMs: hourMs, loss: 10, messages: some },
  "loss 30 %": { talkMs: hourMs, loss: 30, messages: some },
  "loss 60 %": { talkMs: hourMs, loss: 60, messages: some },
  "outage 10 min": outage(10 * minuteMs),
  "outage 1 h": outage(hourMs),
  "outage 8 h": outage(8 * hourMs),
  "outage 3 d": outage(3 * dayMs),
  "reordering to 40 s, 20 % duplicates": { talkMs: hourMs, delayMs: [0, 40_000], duplicates: 0.2, messages: some },
  "only acknowledgements lost, 1 d": { ...outage(dayMs, "to-host"), oneWay: true },
  "guest away 7 d, no Store": { talkMs: 7 * dayMs, guestAwayMs: 7 * dayMs, loseArchive: 1, messages: some },
  "guest away 7 d, Store of 12 h": { talkMs: 7 * dayMs, guestAwayMs: 7 * dayMs, messages: some },
  "guest away 7 d, Store withholds half": {
    talkMs: 7 * dayMs,
    guestAwayMs: 7 * dayMs,
    loseArchive: 0.5,
    messages: some,
  },
  "200 messages into 10 h of silence": { ...outage(10 * hourMs, "both"), oneWay: true, messages: [200, 200] },
  "both are killed at random for 6 h": { talkMs: 6 * hourMs, kills: true, messages: some },
  "new conversation, outage 0 to 8 h": { ...outage(8 * hourMs), isNew: true, messages: [1, 20] },
  "new conversation, no Store, 30 % loss": {
    talkMs: hourMs,
    isNew: true,
    loseArchive: 1,
    loss: 30,
    messages: [1, 20],
  },
};

/** How long an outage of a run is: up to that of the scenario for new conversations, else just that. */
export function outageOf({ outage, isNew }: Scenario, chance: Chance): { ms: number; dead: Dead } {
  if (outage === undefined) return { ms: 0, dead: "both" };
  const ms = isNew === true ? chance.below(outage.ms) : outage.ms;
  const dead = outage.dead === "any" ? chance.pick(["both", "both", "to-guest", "to-host"] as const) : outage.dead;
  return { ms, dead };
}
