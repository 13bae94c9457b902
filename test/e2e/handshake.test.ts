// Goal: a conversation that was promised to its caller comes about, once, whatever dies while it begins. Method: links made
// and used again and again, with kill -9 of either side right after each answer and when the invite arrives.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AcceptedView, InviteView } from "../../src/admin/views.ts";
import { assertGapFree, assertNoErrors, Party, ServiceNode } from "./stage/party.ts";
import { DEADLINE_MS, inTime, Stage } from "./stage/processes.ts";

/** Who dies when. Each moment is tried with each delay. */
const moments = ["link made", "link used", "invite arrives"] as const;
const delaysMs = [0, 2, 10] as const;

test("an invite survives kill -9 of either side at every step: one conversation, its first message once", async (t) => {
  const stage = new Stage(t);
  const node = new ServiceNode(stage);
  await node.start();
  const flags = ["--peer", node.multiaddr, "--log-level", "debug"];
  const [alice, bob] = [new Party(stage, "alice", flags), new Party(stage, "bob", flags)];
  for (const party of [alice, bob]) {
    await party.init();
    await party.start();
    await party.wait("synced");
  }

  const rounds = moments.flatMap((moment) => delaysMs.map((delayMs) => ({ moment, delayMs })));
  const texts: string[] = [];
  for (const { moment, delayMs } of rounds) {
    const kill = async (party: Party, when: (typeof moments)[number]): Promise<void> => {
      if (when !== moment) return;
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      await party.stop("SIGKILL");
      await party.start();
    };
    texts.push(`${moment} + ${delayMs} ms`);
    const { link } = await alice.admin.post<InviteView>("/v1/invites", {});
    await kill(alice, "link made");
    const arrival = inTime(
      "the invite",
      alice.running.output.nextLine((line) => line.includes('"envelope.routed"')),
    );
    const accepted = await bob.admin.post<AcceptedView>("/v1/invites/accept", { link, text: texts.at(-1) });
    await kill(bob, "link used");
    await arrival;
    await kill(alice, "invite arrives");

    assert.deepEqual(await alice.receive(texts.length), texts);
    const handle = `c${texts.length}`;
    assert.equal(accepted.conversation, handle);
    await alice.text("send", handle, `to ${handle}`, "--wait", "delivered", "--timeout", `${DEADLINE_MS}ms`);
  }

  for (const party of [alice, bob]) {
    assert.equal((await party.conversations()).length, rounds.length);
    assertGapFree(await party.events());
  }
  const [ours, theirs] = [await alice.conversations(), await bob.conversations()];
  assert.deepEqual(
    ours.map(({ id }) => id),
    theirs.map(({ id }) => id),
  );
  assert.deepEqual(await alice.receivedTexts(), texts);
  assert.deepEqual(
    await bob.receivedTexts(),
    ours.map(({ handle }) => `to ${handle}`),
  );
  for (const party of [alice, bob]) await party.stop();
  assertNoErrors(stage);
});
