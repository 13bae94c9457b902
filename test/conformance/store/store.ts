/**
 * What every Store must do, whatever it is made of. `make` gives an empty store; `reopen` closes it and opens the same
 * data again, as a restart does.
 */
import { describe, it } from "node:test";
import type { Store } from "../../../src/engine/ports.ts";
import { eventLogCases } from "./store-event-log.ts";
import { messageCases } from "./store-messages.ts";
import { publicationCases } from "./store-publications.ts";
import { intakeCases, outboxCases } from "./store-queues.ts";
import type { StoreCases } from "./store-rows.ts";
import { commitCases, conversationCases } from "./store-turns.ts";
import { waitingCases } from "./store-waiting.ts";
import { wordCases } from "./store-words.ts";

/** A store and what tests need around it. */
export interface StoreUnderTest {
  readonly store: Store;
  reopen(): Promise<Store>;
  dispose(): void;
}

const groups: Readonly<Record<string, StoreCases>> = {
  conversations: conversationCases,
  "messages and events": messageCases,
  "event log": eventLogCases,
  outbox: outboxCases,
  publications: publicationCases,
  "timers, parking and cursors": intakeCases,
  "quota, tokens and operators": waitingCases,
  words: wordCases,
  commits: commitCases,
};

/** Registers the suite. */
export function storeConformance(name: string, make: () => Promise<StoreUnderTest>): void {
  for (const [group, cases] of Object.entries(groups)) {
    describe(`${name} as a Store: ${group}`, () => {
      for (const [title, check] of Object.entries(cases)) {
        it(title, async (context) => {
          const made = await make();
          context.after(() => made.dispose());
          await check(made.store, () => made.reopen());
        });
      }
    });
  }
}
