/** What the promises rest on, taken away one by one. `node test/mutants/run.ts` shows that the named tests notice. */

export interface Mutant {
  readonly name: string;
  readonly file: string;
  /** Each text must occur in the file, so that a mutant cannot silently become none. */
  readonly changes: readonly (readonly [from: string, to: string])[];
  readonly tests: readonly string[];
}

export const mutants: readonly Mutant[] = [
  {
    name: "acknowledge before the commit",
    file: "src/engine/turn/committer.ts",
    changes: [
      [
        "this.#waiting.push({ turn, done, failed });",
        "this.#waiting.push({ turn, done: () => {}, failed: () => {} }); done({ events: [] });",
      ],
    ],
    tests: ["test/engine/turn.test.ts"],
  },
  {
    name: "split commit: the duplicate mark first",
    file: "src/engine/turn/turn.ts",
    changes: [
      [
        "const receipt = await commit(ports, draft, turn);",
        "await ports.commit({ atMs: now, conversations: [], ...consumed }); const receipt = await commit(ports, draft, turn);",
      ],
    ],
    tests: ["test/engine/turn.test.ts"],
  },
  {
    name: "split commit: no transaction",
    file: "src/sqlite/database.ts",
    changes: [
      ['    this.#step("BEGIN IMMEDIATE");\n', ""],
      ['      this.#step("COMMIT");\n', ""],
    ],
    tests: ["test/conformance/store/store.test.ts"],
  },
  {
    name: "mark as published before publishing",
    file: "src/engine/loops/outbox.ts",
    changes: [
      ["result = await transport.publish(", "store.outboxDone(row.id, clock.now()); result = await transport.publish("],
    ],
    tests: ["test/engine/loops/outbox.test.ts"],
  },
  {
    name: "no mailbox",
    file: "src/engine/turn/mailbox.ts",
    changes: [["(tails.get(conversation) ?? ready).then(() => turn())", "ready.then(() => turn())"]],
    tests: ["test/engine/mailbox.test.ts", "test/engine/turn.test.ts"],
  },
  {
    name: "no revision check",
    file: "src/sqlite/conversations.ts",
    changes: [["WHERE number = ? AND revision = ?", "WHERE number = ? AND ? > 0"]],
    tests: ["test/engine/turn.test.ts"],
  },
  {
    name: "synchronous=OFF",
    file: "src/sqlite/database.ts",
    changes: [
      ["PRAGMA synchronous = FULL", "PRAGMA synchronous = OFF"],
      ["settings.synchronous !== 2", "settings.synchronous !== 0"],
    ],
    tests: ["test/sqlite/faults.test.ts"],
  },
  {
    name: "step on from a state whose commit failed",
    file: "src/engine/turn/turn.ts",
    changes: [["for (const loaded of draft.loaded) ports.states.forget(loaded.number);\n    throw", "throw"]],
    tests: ["test/engine/turn.test.ts"],
  },
  {
    name: "an envelope counts as seen before its commit",
    file: "src/engine/routing/intake.ts",
    changes: [
      [
        "if (this.#seen.has(hex(message.hash))) return undefined;",
        "if (this.#seen.has(hex(message.hash))) return undefined; this.#remember(hex(message.hash));",
      ],
    ],
    tests: ["test/engine/intake.test.ts"],
  },
  {
    name: "the cursor passes old envelopes in flight",
    file: "src/engine/routing/intake.ts",
    changes: [["Math.min(message.timestampMs, this.#deps.clock.now())", "this.#deps.clock.now()"]],
    tests: ["test/engine/loops/history.test.ts"],
  },
  {
    name: "a gap that opened meanwhile counts as filled",
    file: "src/engine/loops/history.ts",
    changes: [["if (this.#gaps.get(topic) !== gap) continue;", ""]],
    tests: ["test/engine/loops/history.test.ts"],
  },
  {
    name: "one broken timer delays the others",
    file: "src/engine/loops/timers.ts",
    changes: [["if (busy === 0) return", "return"]],
    tests: ["test/engine/loops/timers.test.ts"],
  },
  {
    name: "removal from the index leaves a hole",
    file: "src/engine/routing/hint-index.ts",
    changes: [["words[at + 2] = TOMBSTONE;", "words[at + 2] = EMPTY;"]],
    tests: ["test/engine/hint-index.test.ts"],
  },
  {
    name: "what a turn spends is not in its commit",
    file: "src/sqlite/commit.ts",
    changes: [["if (turn.spend !== undefined) tables.quota.write(turn.spend, turn.atMs);", ""]],
    tests: ["test/conformance/store/store.test.ts"],
  },
  {
    name: "content that came in two conversations is delivered twice",
    file: "src/sqlite/messages.ts",
    changes: [["if (otherIds?.some((id) => this.#isKnown(id))) return undefined;", ""]],
    tests: ["test/conformance/store/store.test.ts"],
  },
  {
    name: "a message goes back to an earlier state",
    file: "src/sqlite/messages.ts",
    changes: [["WHERE row_id = ?2 AND state < ?1 AND state < ?3", "WHERE row_id = ?2 AND state < ?3"]],
    tests: ["test/conformance/store/store.test.ts"],
  },
  {
    name: "an older database behind its counter is believed",
    file: "src/sqlite/rollback/changes.ts",
    changes: [['return file.changes > count ? "older-than-counter" : undefined;', "return undefined;"]],
    tests: ["test/sqlite/rollback/rollback.test.ts"],
  },
  {
    name: "a conversation that was rolled back sends on",
    file: "src/conversation/private-v1/state.ts",
    changes: [
      [
        "return state.isUndecided || state.isBlocked || state.isRolledBack;",
        "return state.isUndecided || state.isBlocked;",
      ],
    ],
    tests: ["test/conversation/contacts/rollback.test.ts"],
  },
  {
    name: "a backup counts before it was restored",
    file: "src/sqlite/backup/backup.ts",
    changes: [["await verifyCopy(partial, verification);", ""]],
    tests: ["test/sqlite/backup/backup.test.ts"],
  },
  {
    name: "a backup does not know that it is one",
    file: "src/sqlite/backup/backup.ts",
    changes: [
      ["    markRestored(partial);\n", ""],
      ["    markRestored(incoming);\n", ""],
    ],
    tests: ["test/sqlite/backup/backup.test.ts"],
  },
  {
    name: "a token that was revoked still works",
    file: "src/admin/token/tokens.ts",
    changes: [["this.#held.delete(held.row.id);", ""]],
    tests: ["test/admin/tokens.test.ts"],
  },
  {
    name: "an expired token still works",
    file: "src/admin/token/tokens.ts",
    changes: [
      [
        "if (this.#deps.now() >= (held.row.expiresAtMs ?? Number.POSITIVE_INFINITY))",
        "if (held.row.expiresAtMs === -1)",
      ],
    ],
    tests: ["test/admin/tokens.test.ts"],
  },
  {
    name: "every method of a role is open to a token",
    file: "src/admin/token/tokens.ts",
    changes: [[" || row.methods?.includes(method) === false", ""]],
    tests: ["test/admin/tokens.test.ts"],
  },
  {
    name: "a consumer goes past the end of the log",
    file: "src/engine/event-log/consumers.ts",
    changes: [["if (seq <= lastSeq) return;", "if (seq >= 0) return;"]],
    tests: ["test/engine/event-feed.test.ts", "test/admin/consumers.test.ts"],
  },
  {
    name: "events go before their consumers have them",
    file: "src/sqlite/event-log/retention.ts",
    changes: [["const isAcked = leastAcked === undefined || seq <= leastAcked;", "const isAcked = seq > 0;"]],
    tests: ["test/conformance/store/store.test.ts"],
  },
  {
    name: "a reload applies the good half of a bad file",
    file: "src/daemon/config/running-config.ts",
    changes: [["for (const { check } of this.#followers) check?.(next.config);", ""]],
    tests: ["test/daemon/reload.test.ts"],
  },
  {
    name: "what Store names without being asked counts as stored",
    file: "src/waku/store/store-confirm.ts",
    changes: [
      ["if (ours === undefined || !missing.delete(keyOf(hash))) continue;", "missing.delete(keyOf(hash));"],
      ["found.push(ours);", "found.push(hash);"],
    ],
    tests: ["test/waku/hostile-answers.test.ts"],
  },
  {
    name: "half a request keeps its place",
    file: "src/admin/connection/connections.ts",
    changes: [["if (!isAtWork(held)) unfinished ??= socket;", "if (!isAtWork(held)) continue;"]],
    tests: ["test/admin/connections.test.ts"],
  },
  {
    name: "a token is any consumer",
    file: "src/admin/api/confine.ts",
    changes: [["if (consumers?.has(name) !== false) return;", "if (consumers?.has(name) !== null) return;"]],
    tests: ["test/admin/tokens.test.ts"],
  },
  {
    name: "half a character is taken",
    file: "src/admin/api/unicode.ts",
    changes: [["|| isWellFormed(value)) return;", "|| value !== undefined) return;"]],
    tests: ["test/admin/unicode.test.ts"],
  },
  {
    name: "nonsense behind a request is answered in its place",
    file: "src/admin/connection/connections.ts",
    changes: [["|| isInAnswer) socket.destroy();", ") socket.destroy();"]],
    tests: ["test/admin/malformed.test.ts"],
  },
  {
    name: "pings by a clock that somebody sets",
    file: "src/waku/filter/session.ts",
    changes: [
      [
        "const { clock, network } = this.options;\n    const now = clock.steady();",
        "const { clock, network } = this.options;\n    const now = clock.now();",
      ],
    ],
    tests: ["test/waku/subscriptions.test.ts"],
  },
  {
    name: "rows wait for a clock that was set back",
    file: "src/engine/loops/set-back.ts",
    changes: [["store.clockSetBack(clock.now(), byMs);", "void store;"]],
    tests: ["test/engine/loops/set-clock.test.ts"],
  },
  {
    name: "a start before the last work is no step back",
    file: "src/engine/loops/set-back.ts",
    changes: [["if (byMs >= CLOCK_SET_BACK_MS) {", "if (byMs >= CLOCK_SET_BACK_MS && now < 0) {"]],
    tests: ["test/engine/loops/set-clock-conversations.test.ts"],
  },
  {
    name: "a Store cursor of the future is kept",
    file: "src/engine/loops/set-back.ts",
    changes: [["store.forgetCursorsAfter(now);", "void store;"]],
    tests: ["test/engine/loops/set-clock-conversations.test.ts"],
  },
  {
    name: "times later than now are believed",
    file: "src/conversation/private-v1/clock/set-back.ts",
    changes: [["if (!isOfFuture(state, now)) return state;", "if (!isOfFuture(state, now) || now > 0) return state;"]],
    tests: ["test/conversation/set-back.test.ts"],
  },
  {
    name: "the age of a canary by a clock that somebody sets",
    file: "src/engine/health.ts",
    changes: [["clock.steady() - heardAtMs", "clock.now() - heardAtMs"]],
    tests: ["test/engine/loops/set-clock.test.ts"],
  },
  {
    name: "a write-ahead log of another copy is taken over",
    file: "src/sqlite/rollback/foreign-log.ts",
    changes: [["own.changes >= first - 1) return;", "own.changes >= -1) return;"]],
    tests: ["test/sqlite/rollback/rollback.test.ts"],
  },
];
