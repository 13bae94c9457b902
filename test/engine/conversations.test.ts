import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { AnyConversationType } from "../../src/conversation/contract.ts";
import { Conversations } from "../../src/engine/conversations.ts";
import { createRegistry } from "../../src/engine/registry.ts";
import { conversationWrite } from "../conformance/store/store-rows.ts";
import { temporaryStore } from "../sqlite/temporary-store.ts";
import { probeState, probeType } from "./probe/probe-type.ts";

let files: Awaited<ReturnType<typeof temporaryStore>>;
let conversations: Conversations;

beforeEach(async () => {
  files = await temporaryStore();
  conversations = new Conversations(files.store);
});
afterEach(() => files.dispose());

function add(number: number, name?: string): void {
  files.store.commit({
    atMs: 0,
    conversations: [conversationWrite(number, { conversationId: `/probe/v1/p${number}` })],
  });
  conversations.add(number, probeType, probeState(`p${number}`), name);
}

describe("conversations", () => {
  it("are found by handle, id and name", () => {
    add(1);
    add(12, "Ann");
    assert.equal(conversations.find("c1").id, "/probe/v1/p1");
    assert.equal(conversations.find("/probe/v1/p12").handle, "c12");
    assert.equal(conversations.find("Ann").handle, "c12");
    assert.equal(conversations.find("c12").name, "Ann");
  });

  it("are not found by what only looks like a handle", () => {
    add(1);
    for (const text of ["c01", "c1 ", "C1", "1", "c", "c-1", "c1.0", "c99", ""]) {
      assert.throws(() => conversations.find(text), { code: "conversation/unknown" }, JSON.stringify(text));
    }
  });

  it("with one name are ambiguous: the message lists them", () => {
    add(1, "Ann");
    add(2, "Ann");
    assert.throws(() => conversations.find("Ann"), { code: "conversation/ambiguous", message: /c1, c2/ });
  });

  it("unknown ones are answered with what there is, or with how to make one", () => {
    assert.throws(() => conversations.find("x"), { hint: /umbrad invite create/ });
    add(1, "Ann");
    add(2);
    assert.throws(() => conversations.find("x"), { hint: /c1 \(Ann\), c2/ });
  });

  it("keep a new name in the store and in memory", () => {
    add(1);
    conversations.rename("c1", "Bea");
    assert.equal(conversations.find("Bea").handle, "c1");
    assert.equal(files.store.conversation(1)?.name, "Bea");
  });

  it("that are closed are gone from every way of naming", () => {
    add(1, "Ann");
    conversations.remove(1);
    for (const text of ["c1", "/probe/v1/p1", "Ann"])
      assert.throws(() => conversations.find(text), { code: "conversation/unknown" });
    assert.deepEqual(conversations.list(), []);
    assert.equal(conversations.typeOf(1), undefined);
  });

  it("leave inboxes out of the list and take our address from them", () => {
    const summary = () => ({ clientAddress: "our address", createdAtMs: 0 });
    const inbox = { ...probeType, summary } as unknown as AnyConversationType;
    conversations.add(0, inbox, probeState("inbox"), undefined);
    add(1);
    assert.deepEqual(
      conversations.list().map(({ handle }) => handle),
      ["c1"],
    );
    assert.equal(conversations.clientAddress(), "our address");
  });
});

describe("registry", () => {
  it("refuses two types of one name and names without a version", () => {
    assert.throws(() => createRegistry([probeType, probeType]), { code: "conversation/duplicate-type" });
    assert.throws(() => createRegistry([{ ...probeType, name: "Probe/v1" }]), /has no form/);
    assert.throws(() => createRegistry([probeType]).type("other/v1"), {
      code: "conversation/unsupported-type",
      hint: /probe\/v1/,
    });
  });
});
