/** Goal: the links that were given out are shown with who used them, and can be revoked. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { InboxState } from "../../../src/conversation/inbox-v1/state.ts";
import { createLink, type Hand, openInbox } from "../by-hand.ts";
import { craftInvite } from "../crafted/invite.ts";

interface Shown {
  readonly id: string;
  readonly state: string;
  readonly link?: string;
  readonly redemptions: readonly { readonly peer: string; readonly atMs: number }[];
}

const command = (fields: object) => ({ kind: "command", command: fields }) as const;

async function shown(inbox: Hand<InboxState>, id?: string): Promise<readonly Shown[]> {
  const { reply } = await inbox.take(command({ kind: "list-invites", ...(id === undefined ? {} : { id }) }));
  return (reply as { links: readonly Shown[] }).links;
}

describe("invite links", () => {
  it("are shown with who used them, and with their text while they work", async () => {
    const inbox = openInbox(1);
    const link = await createLink(inbox, 2);
    const [first] = await shown(inbox);
    assert.ok(first !== undefined && first.link === undefined);
    assert.equal((await shown(inbox, first.id))[0]?.link, link);
    for (const inviter of ["one", "two"]) {
      const prekey = inbox.state.prekeys.find(({ isPublic }) => !isPublic);
      assert.ok(prekey !== undefined);
      await inbox.read(craftInvite(inbox.state, prekey, { inviter }));
    }
    const [used] = await shown(inbox, first.id);
    assert.equal(used?.state, "used");
    assert.equal(used?.link, undefined);
    assert.equal(new Set(used?.redemptions.map(({ peer }) => peer)).size, 2);
    assert.deepEqual(
      inbox.events.map(({ type }) => type),
      ["invite.created", "invite.redeemed", "invite.redeemed"],
    );
    await inbox.refuses(command({ kind: "revoke-invite", id: first.id }), "invite/ended");
  });

  it("that are revoked open nothing", async () => {
    const inbox = openInbox(1);
    await createLink(inbox);
    const prekey = inbox.state.prekeys.find(({ isPublic }) => !isPublic);
    const [{ id } = { id: "" }] = await shown(inbox);
    assert.ok(prekey !== undefined);
    const invite = craftInvite(inbox.state, prekey);
    await inbox.take(command({ kind: "revoke-invite", id }));
    await inbox.refuses(inbox.input(invite), "unknown-prekey");
    assert.equal((await shown(inbox))[0]?.state, "revoked");
    await inbox.refuses(command({ kind: "revoke-invite", id: "i0" }), "invite/unknown");
    await inbox.refuses(command({ kind: "list-invites", id: "i0" }), "invite/unknown");
  });

  it("expire", async () => {
    const inbox = openInbox(1);
    await createLink(inbox);
    inbox.nowMs += 3_600_001;
    assert.equal((await shown(inbox))[0]?.state, "expired");
  });
});
