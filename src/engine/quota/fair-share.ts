/**
 * Who gets the next token of the share (profile 8.9-3). Conversations wait in one queue; none takes two tokens in a row
 * while another waits, or one talkative contact would starve all others. Of four tokens three go to the acknowledgement
 * that has waited longest, if there is one: hundreds of silent contacts would else delay it by hours.
 */
import type { ConversationNumber, TimerRow } from "../ports.ts";

const ROUND = 4;

export class FairShare {
  #last: ConversationNumber | undefined;
  #granted = 0;

  /** Both lists are of due timers, those that wait longest first; `all` has the acknowledgements too. */
  choose(acknowledgements: readonly TimerRow[], all: readonly TimerRow[]): TimerRow | undefined {
    const isPlain = this.#granted % ROUND === ROUND - 1;
    const isOther = (timer: TimerRow): boolean => timer.conversation !== this.#last;
    const acknowledgement = isPlain ? undefined : acknowledgements.find(isOther);
    const chosen = acknowledgement ?? all.find(isOther) ?? (isPlain ? undefined : acknowledgements[0]) ?? all[0];
    if (chosen === undefined) return undefined;
    this.#last = chosen.conversation;
    this.#granted += 1;
    return chosen;
  }
}
