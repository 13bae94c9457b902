/** Goal: an inbox forgets used handshakes, links and prekeys, and not before nothing can repeat them. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createLink, openInbox } from "../by-hand.ts";
import { craftInvite } from "../crafted/invite.ts";

const dayMs = 24 * 3_600_000;
const command = (fields: object) => ({ kind: "command", command: fields }) as const;

describe("an inbox", () => {
  it("remembers a used handshake as long as its prekey lives, then forgets both", async () => {
    const inbox = openInbox(1);
    const prekey = inbox.state.prekeys.find(({ isPublic }) => isPublic);
    assert.ok(prekey !== undefined);
    const invite = craftInvite(inbox.state, prekey);
    await inbox.read(invite);
    const remembered = () => [...inbox.row.records.keys()].filter((key) => /^(replay|prekey|day)\//.test(key)).length;
    assert.equal(remembered(), 3);
    inbox.nowMs += 36 * dayMs;
    await inbox.refuses(inbox.input(invite), "replayed-invite");
    const [tidy] = [...inbox.row.timers.keys()].filter((name) => name.startsWith("tidy/"));
    await inbox.fire(tidy ?? "");
    assert.equal(remembered(), 0);
    await inbox.refuses(inbox.input(invite), "unknown-prekey");
  });

  it("tells when a link expires unused, and deletes its prekey 30 days later", async () => {
    const inbox = openInbox(1);
    await createLink(inbox);
    const [expire] = [...inbox.row.timers.keys()].filter((name) => name.startsWith("expire/"));
    await inbox.fire(expire ?? "");
    assert.equal(inbox.events.at(-1)?.type, "invite.expired");
    assert.equal(inbox.state.prekeys.length, 2);
    for (const name of [...inbox.row.timers.keys()].sort()) await inbox.fire(name);
    assert.deepEqual(inbox.state.prekeys, []);
  });

  it("forgets a one-time prekey of somebody else when its link is over", async () => {
    const theirs = openInbox(1);
    const ours = openInbox(2);
    const link = await createLink(theirs);
    await ours.take(command({ kind: "accept-invite", link }));
    const spent = () => [...ours.row.records.keys()].filter((key) => key.startsWith("spent/")).length;
    assert.equal(spent(), 1);
    for (const name of [...ours.row.timers.keys()].sort()) await ours.fire(name);
    assert.equal(spent(), 0);
    await ours.refuses(command({ kind: "accept-invite", link }), "invite/expired");
  });
});
