/** People who make conversations and talk in them: what they ask of the nodes, and what was accepted of it. */

import { privateV1 } from "../../../src/conversation/private-v1/private-v1.ts";
import type { PrivateState } from "../../../src/conversation/private-v1/state.ts";
import type { Engine } from "../../../src/engine/engine.ts";
import { UmbradError } from "../../../src/engine/errors.ts";
import type { ConversationNumber, Store } from "../../../src/engine/ports.ts";
import { contentDigest } from "../../../src/wire/file-content.ts";
import type { SimNode } from "./node.ts";
import type { World } from "./world.ts";

/** A conversation as its two participants know it. */
export interface Talk {
  readonly host: SimNode;
  readonly guest: SimNode;
  /** Once the guest has used the link. */
  id: string | undefined;
  /** What callers were told is accepted, by side. */
  readonly accepted: { readonly from: SimNode; readonly text: string }[];
}

/** The guest uses a link of the host; the first text, if any, travels in the invite. */
export async function meet(world: World, talk: Talk, text: string | undefined): Promise<void> {
  const { host, guest } = talk;
  const link = await invite(world, host);
  const opened = await world.ask(guest, async (engine) => {
    // A caller that got no answer looks whether it was done, before it asks again.
    const before = openedBy(guest, engine, host, world);
    if (before !== undefined) return before;
    await engine.acceptInvite(text === undefined ? { link } : { link, text });
    return openedBy(guest, engine, host, world);
  });
  if (opened === undefined) throw new Error("an accepted link has opened no conversation");
  talk.id = opened;
  world.claimed.add(opened);
  if (text !== undefined) talk.accepted.push({ from: guest, text });
}

export async function invite(world: World, host: SimNode): Promise<string> {
  const expiresAtMs = host.now() + 30 * 24 * 3_600_000;
  const { link } = await world.ask(host, (engine) => engine.createInvite({ uses: 1, expiresAtMs }));
  return link;
}

/** Says it once, however often it has to be asked. */
export async function say(world: World, talk: Talk, from: SimNode, text: string): Promise<void> {
  await world.ask(from, (engine) =>
    engine.send({ conversation: whereTo(engine, talk, from), text, key: text }).catch(known),
  );
  talk.accepted.push({ from, text });
}

/** The name of a file is its key: in one simulation no two are the same. */
export async function sendFile(world: World, talk: Talk, from: SimNode, name: string, data: Uint8Array): Promise<void> {
  await world.ask(from, (engine) =>
    engine.sendFile({ conversation: whereTo(engine, talk, from), name, data, key: name }).catch(known),
  );
  talk.accepted.push({ from, text: `${name} ${contentDigest(data)}` });
}

/** The conversation that they made; if its invite was succeeded by another before it arrived, the one that it became. */
function whereTo(engine: Engine, { id, host, guest }: Talk, from: SimNode): string {
  if (id === undefined) throw new Error("nobody can talk before they met");
  const peer = from === host ? guest : host;
  const views = engine.conversations().filter((view) => view.peer === peer.address);
  return views.some((view) => view.id === id) ? id : (views.at(-1)?.id ?? id);
}

/** It was accepted in the conversation before, and the answer got lost. */
function known(error: unknown): void {
  if (!(error instanceof UmbradError) || error.code !== "message/key-conflict") throw error;
}

/** The conversation that the guest has opened with the host and that no talk has claimed. */
function openedBy(guest: SimNode, engine: Engine, host: SimNode, world: World): string | undefined {
  const store = guest.life?.store;
  if (store === undefined) return undefined;
  return engine
    .conversations()
    .find(({ id, peer }) => peer === host.address && !world.claimed.has(id) && stateOf(store, id)?.isInviter === true)
    ?.id;
}

/** What a node has on disk of a conversation. */
export function stateOf(store: Store, conversationId: string): PrivateState | undefined {
  const number = store.conversationById(conversationId);
  const stored = number === undefined ? undefined : store.conversation(number as ConversationNumber);
  return stored === undefined ? undefined : privateV1.state.decode(stored.state);
}
