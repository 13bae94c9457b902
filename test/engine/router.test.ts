import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AnyConversationType, ExpectedHint } from "../../src/conversation/contract.ts";
import { toHex, utf8 } from "../../src/crypto/bytes.ts";
import { STATIC_HINTS_MAX } from "../../src/engine/limits.ts";
import { Router } from "../../src/engine/routing/router.ts";
import { hintHex } from "../../src/wire/conversation-hint.ts";
import type { Envelope } from "../../src/wire/envelope.ts";
import type { Hint } from "../../src/wire/ids.ts";
import { hintBytes, probeState, probeType, WINDOW } from "./probe/probe-type.ts";

const envelope = (hint: Hint, salt = 0): Envelope => ({
  hint,
  salt,
  encryptedBytes: { member: "encrypted_bytes", bytes: new Uint8Array() },
});
const hint = (ident: string, n: number) => toHex(hintBytes(ident, n)) as Hint;

/** A type whose state is the list of hints that it expects. */
const listed = {
  ...probeType,
  *expectedHints(state: readonly [ref: number, hint: Uint8Array][]): Generator<ExpectedHint> {
    for (const [ref, bytes] of state) yield { kind: "ratcheted", ref, derive: () => bytes };
  },
} as unknown as AnyConversationType;

const inbox = {
  ...probeType,
  expectedHints: (id: string): ExpectedHint[] => [{ kind: "static", id: utf8(id) }],
} as unknown as AnyConversationType;

describe("router", () => {
  it("follows a conversation's window: adds what is new, forgets what is gone, and says what was added", () => {
    const router = new Router();
    const states = [0, 1, 3].map((next) => probeState("a", { next }));
    const opened = router.apply({ conversation: 5, type: probeType, before: undefined, after: states[0] });
    assert.deepEqual(
      opened,
      [0, 1, 2, 3].map((n) => hint("a", n)),
    );
    assert.deepEqual(router.route(envelope(hint("a", 2))), { conversation: 5, ref: 2 });

    const added = router.apply({ conversation: 5, type: probeType, before: states[0], after: states[1] });
    assert.deepEqual(added, [hint("a", 4)]);
    assert.equal(router.route(envelope(hint("a", 0))), undefined);

    assert.deepEqual(
      router.apply({ conversation: 5, type: probeType, before: states[1], after: states[2] }),
      [5, 6].map((n) => hint("a", n)),
    );
    assert.equal(router.hints, WINDOW);
  });

  it("forgets a closed conversation and no other", () => {
    const router = new Router();
    const [a, b] = [probeState("a"), probeState("b")];
    router.apply({ conversation: 1, type: probeType, before: undefined, after: a });
    router.apply({ conversation: 2, type: probeType, before: undefined, after: b });
    assert.deepEqual(router.apply({ conversation: 1, type: probeType, before: a, after: undefined }), []);
    for (let n = 0; n < WINDOW; n += 1) {
      assert.equal(router.route(envelope(hint("a", n))), undefined);
      assert.deepEqual(router.route(envelope(hint("b", n))), { conversation: 2, ref: n });
    }
    assert.equal(router.hints, WINDOW);
  });

  it("derives only hints that changed", () => {
    const router = new Router();
    let derived = 0;
    const counting = {
      ...probeType,
      *expectedHints(state: ReturnType<typeof probeState>): Generator<ExpectedHint> {
        for (const each of probeType.expectedHints(state)) {
          if (each.kind !== "ratcheted") continue;
          const derive = () => {
            derived += 1;
            return each.derive();
          };
          yield { ...each, derive };
        }
      },
    };
    const before = probeState("a");
    router.apply({ conversation: 1, type: counting, before: undefined, after: before });
    derived = 0;
    router.apply({ conversation: 1, type: counting, before, after: probeState("a", { next: 1 }) });
    assert.equal(derived, 2);
  });

  it("keeps conversations apart that expect one hint, and removes only the one that goes", () => {
    const router = new Router();
    const bytes = hintBytes("shared", 0);
    router.apply({ conversation: 1, type: listed, before: undefined, after: [[7, bytes]] });
    router.apply({ conversation: 2, type: listed, before: undefined, after: [[8, bytes]] });
    router.apply({ conversation: 1, type: listed, before: [[7, bytes]], after: [] });
    assert.deepEqual(router.route(envelope(toHex(bytes) as Hint)), { conversation: 2, ref: 8 });
    router.apply({ conversation: 2, type: listed, before: [[8, bytes]], after: undefined });
    assert.equal(router.route(envelope(toHex(bytes) as Hint)), undefined);
  });

  it("recognises an inbox under any salt, until it is closed", () => {
    const router = new Router();
    router.apply({ conversation: 0, type: inbox, before: undefined, after: "/inbox/v1/a" });
    for (const salt of [0, 1, 0xffffffff]) {
      const found = envelope(hintHex(salt, utf8("/inbox/v1/a")), salt);
      assert.deepEqual(router.route(found), { conversation: 0, ref: 0, isInbox: true });
      assert.equal(router.route({ ...found, salt: (salt ^ 2) >>> 0 }), undefined);
    }
    router.apply({ conversation: 0, type: inbox, before: "/inbox/v1/a", after: undefined });
    assert.equal(router.route(envelope(hintHex(1, utf8("/inbox/v1/a")), 1)), undefined);
  });

  it("refuses a ninth inbox: each costs a hash for every foreign envelope", () => {
    const router = new Router();
    const open = (conversation: number) =>
      router.apply({ conversation, type: inbox, before: undefined, after: `/inbox/v1/${conversation}` });
    for (let number = 0; number < STATIC_HINTS_MAX; number += 1) open(number);
    assert.throws(() => open(STATIC_HINTS_MAX), /at most 8 inboxes/);
  });
});
