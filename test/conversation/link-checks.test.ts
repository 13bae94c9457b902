/** Goal: "A checks before it invites" (profile 8.7): each fault of a link is refused by its name and changes nothing; and the life of prekeys. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type InboxState,
  identityOf,
  PREKEYS_MAX,
  PUBLIC_PREKEY_MS,
  PUBLIC_ROTATION_MS,
  prekeyRecord,
} from "../../src/conversation/inbox-v1/state.ts";
import type { InviterOpening } from "../../src/conversation/pairwise-opening.ts";
import { x25519Public } from "../../src/crypto/dh.ts";
import { ed25519Public } from "../../src/crypto/sign.ts";
import { bundleFromText, bundleToText, type ContactBundle, signBundle } from "../../src/wire/contact-bundle.ts";
import type { ContentTopic } from "../../src/wire/ids.ts";
import { secretOf } from "../protocol/vectors.ts";
import type { Accepted } from "../support/conversation/conversation-turn.ts";
import { createLink, type Hand, openInbox, startMs } from "./by-hand.ts";

const dayMs = 24 * 3_600_000;

const bundle: ContactBundle = {
  identityKey: ed25519Public(secretOf("carol/identity")),
  staticKey: x25519Public(secretOf("carol/x25519")),
  prekey: x25519Public(secretOf("carol/prekey")),
  multiUse: false,
  notAfterMs: startMs + 1_000,
  contentTopics: ["/umbra/1/b8-00/proto" as ContentTopic, "/umbra/1/b0/proto" as ContentTopic],
  conversationTypes: ["/other/v3", "/private/v1"],
};

function linkOf(changes: Partial<ContactBundle> = {}): string {
  return bundleToText(signBundle(secretOf("carol/identity"), { ...bundle, ...changes }));
}

const accepting = (link: string, text?: string) =>
  ({ kind: "command", command: { kind: "accept-invite", link, ...(text === undefined ? {} : { text }) } }) as const;

function openingOf(accepted: Accepted): InviterOpening {
  const open = accepted.effects.find((effect) => effect.kind === "open");
  assert.ok(open?.kind === "open");
  return open.opening as InviterOpening;
}

const faults: Readonly<Record<string, readonly [reason: string, link: () => string]>> = {
  "no link at all": ["invite/malformed", () => "hello"],
  "the link of another system": ["invite/unsupported", () => linkOf().replace("umbraintro", "chatintro")],
  "a damaged link": ["invite/malformed", () => `${linkOf().slice(0, -2)}AA`],
  "half a link": ["invite/malformed", () => linkOf().slice(0, 100)],
  "a broken signature": ["invite/malformed", () => bundleToText(signBundle(secretOf("trudy/identity"), bundle))],
  "an identity key of small order": ["invite/malformed", () => linkOf({ identityKey: new Uint8Array(32) })],
  "no topic": ["invite/malformed", () => linkOf({ contentTopics: [] })],
  "too many topics": ["invite/malformed", () => linkOf({ contentTopics: Array(5).fill(bundle.contentTopics[0]) })],
  "a topic of another form": ["invite/malformed", () => linkOf({ contentTopics: ["/x/1/y/proto" as ContentTopic] })],
  "no type that we speak": ["invite/unsupported", () => linkOf({ conversationTypes: ["/private/v2"] })],
  "an expired link": ["invite/expired", () => linkOf({ notAfterMs: startMs })],
  "a prekey that is no point": ["invite/unusable", () => linkOf({ prekey: new Uint8Array(32) })],
};

describe("a link of somebody else", () => {
  for (const [title, [reason, link]] of Object.entries(faults)) {
    it(`is refused: ${title}`, async () => {
      const inbox = openInbox(9);
      await inbox.refuses(accepting(link()), reason);
    });
  }

  it("is refused when it is our own", async () => {
    const inbox = openInbox(9);
    await inbox.refuses(accepting(await createLink(inbox)), "invite/own");
  });

  it("is refused with a text that no segment holds", async () => {
    const inbox = openInbox(9);
    await inbox.refuses(accepting(linkOf(), "ü".repeat(8_000)), "message/too-large");
    await inbox.take(accepting(linkOf(), "ü".repeat(7_680)));
  });

  it("is used once when it is for one use, and counts the conversations with its identity upwards", async () => {
    const inbox = openInbox(9);
    assert.equal(openingOf(await inbox.take(accepting(linkOf()))).createdAtMs, startMs);
    await inbox.refuses(accepting(linkOf()), "invite/used");
    const prekey = x25519Public(secretOf("carol/second"));
    for (const createdAtMs of [startMs + 1, startMs + 2]) {
      const opening = openingOf(await inbox.take(accepting(linkOf({ prekey, multiUse: true }))));
      assert.equal(opening.createdAtMs, createdAtMs);
      assert.deepEqual(opening.peerTopics, bundle.contentTopics);
    }
  });
});

describe("prekeys", () => {
  const publics = ({ state }: Hand<InboxState>) => state.prekeys.filter(({ isPublic }) => isPublic);

  it("of the public bundle are replaced weekly and deleted 30 days later", async () => {
    const inbox = openInbox(9);
    const links = Array.from({ length: 4 }, (_, i) =>
      linkOf({ prekey: x25519Public(secretOf(`carol/${i}`)), notAfterMs: startMs + 99 * dayMs }),
    );
    const [first] = publics(inbox);
    assert.ok(first !== undefined);
    inbox.nowMs = startMs + PUBLIC_ROTATION_MS - 1;
    await inbox.take(accepting(links[0] ?? ""));
    assert.equal(publics(inbox).length, 1);
    inbox.nowMs += 1;
    await inbox.take(accepting(links[1] ?? ""));
    assert.equal(publics(inbox).length, 2);
    assert.ok(inbox.row.records.has(prekeyRecord(first.publicKey)));
    inbox.nowMs = startMs + PUBLIC_PREKEY_MS + 1;
    await inbox.take(accepting(links[2] ?? ""));
    assert.ok(!publics(inbox).some(({ createdAtMs }) => createdAtMs === startMs));
    assert.equal(inbox.row.records.has(prekeyRecord(first.publicKey)), false);
  });

  it("of a link are deleted 30 days after it has expired", async () => {
    const inbox = openInbox(9);
    await createLink(inbox, 1, startMs + 1_000);
    const [prekey] = inbox.state.prekeys.filter(({ isPublic }) => !isPublic);
    assert.ok(prekey !== undefined);
    inbox.nowMs = startMs + 1_000 + 30 * dayMs;
    await createLink(inbox, 1, inbox.nowMs + 1_000);
    assert.ok(inbox.row.records.has(prekeyRecord(prekey.publicKey)));
    inbox.nowMs += 1;
    await createLink(inbox, 1, inbox.nowMs + 1_000);
    assert.equal(inbox.row.records.has(prekeyRecord(prekey.publicKey)), false);
    assert.equal(inbox.state.prekeys.filter(({ isPublic }) => !isPublic).length, 2);
  });

  it("of links are bounded, so that the state is", async () => {
    const inbox = openInbox(9);
    const [prekey] = inbox.state.prekeys;
    assert.ok(prekey !== undefined);
    const many = Array.from({ length: PREKEYS_MAX - 1 }, (_, i) => ({
      ...prekey,
      publicKey: secretOf(`${i}`),
      isPublic: false,
      usesLeft: 1_000,
    }));
    inbox.state = { ...inbox.state, prekeys: [prekey, ...many] };
    const create = {
      kind: "command",
      command: { kind: "create-invite", uses: 1, expiresAtMs: startMs + 1_000 },
    } as const;
    await inbox.refuses(create, "invite/too-many");
    assert.ok(inbox.type.state.encode(inbox.state).length < 48 * 1024);
  });

  it("make a link that reads as what was asked for", async () => {
    const inbox = openInbox(9);
    for (const uses of [1, 2]) {
      const decoded = bundleFromText(await createLink(inbox, uses, startMs + 5_000));
      assert.ok(decoded.kind === "readable");
      const { multiUse, notAfterMs, identityKey, contentTopics } = decoded.value.bundle;
      assert.deepEqual({ multiUse, notAfterMs }, { multiUse: uses > 1, notAfterMs: startMs + 5_000 });
      assert.deepEqual(identityKey, identityOf(inbox.state).identityKey);
      assert.deepEqual(contentTopics, [identityOf(inbox.state).topic]);
    }
    const command = { kind: "create-invite", uses: 1, expiresAtMs: startMs } as const;
    await inbox.refuses({ kind: "command", command }, "invite/expired");
  });
});
