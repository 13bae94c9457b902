/** Goal: who comes second with a link for one hears nothing, and can see that nobody has answered; who came first can not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { traceView } from "../../../src/admin/event-view.ts";
import { systemClock } from "../../../src/daemon/clock.ts";
import { createNetwork } from "../../support/engine/in-process-transport.ts";
import { eventOf, removeDir, scratchDir, startNode, until } from "../../support/engine/test-node.ts";

test("a link for one, used by two", { timeout: 180_000 }, async (t) => {
  const network = createNetwork({ clock: systemClock });
  const node = async (name: string) => {
    const directory = scratchDir(name);
    const started = await startNode(network.transport(name), directory);
    t.after(async () => {
      await started.stop();
      removeDir(directory);
    });
    return started;
  };
  const [maker, first, second] = [await node("maker"), await node("first"), await node("second")];
  const { link } = await maker.engine.createInvite({ uses: 1, expiresAtMs: Date.now() + 60_000 });
  const won = await first.engine.acceptInvite({ link, text: "first" });
  assert.equal(first.engine.conversationState(won.conversation), "unanswered");
  await eventOf(first.engine, ({ type, message }) => type === "message.delivered" && message !== undefined);
  await until(() => first.engine.conversationState(won.conversation) === "open", "the first was answered");

  const lost = await second.engine.acceptInvite({ link, text: "second" });
  assert.ok(lost.messageId);
  await until(() => second.engine.message(lost.messageId ?? "")?.state !== "queued", "it is out");
  assert.equal(second.engine.conversationState(lost.conversation), "unanswered");
  const life = second.engine.trace(lost.messageId);
  assert.ok(life);
  const { explanation } = traceView(life, second.engine);
  assert.match(explanation, /nobody has answered in this conversation yet: .* ask for a new link$/);
  const answered = first.engine.trace(won.messageId ?? "");
  assert.ok(answered);
  assert.doesNotMatch(traceView(answered, first.engine).explanation, /nobody/);
  await assert.rejects(second.engine.acceptInvite({ link }), {
    code: "invite/used",
    message: /used this link already/,
  });
  // A type says its faults one by one, in words.
  const { conversation } = won;
  await assert.rejects(first.engine.sendFile({ conversation, name: "a", mime: "x", data: new Uint8Array(1) }), {
    code: "command/malformed",
    message: "private/v1 does not take this command: mime: a media type is type/subtype",
  });
});
