// The cells of the fault matrix: for each step of the protocol and each fault, how it is brought about. A cell sends
// messages while the fault is on and resolves; whether it struck and what came of it is not its business.
import assert from "node:assert/strict";
import type { AcceptedView, InviteView } from "../../../src/admin/views.ts";
import { until } from "../stage/processes.ts";
import type { Laboratory } from "./laboratory.ts";

/** What goes wrong. */
export type Fault = "dropped before" | "dropped after" | "answered twice" | "never answered" | "connection cut";

/** One step with one fault. */
export interface Cell {
  readonly step: string;
  readonly fault: Fault;
  /** The knobs that must strike. */
  readonly knobs: Readonly<Record<string, string>>;
  /** Turns them on and sends. Ends before they have struck. */
  act(laboratory: Laboratory, label: string): Promise<void>;
}

type Act = (knobs: Cell["knobs"], laboratory: Laboratory, label: string) => Promise<void>;

/** A request of this protocol or kind: lost before the node acts, lost after it, and so on. */
const requestKnobs = (request: string): Readonly<Record<Fault, Cell["knobs"]>> => ({
  "dropped before": { "close-after-request": request },
  "dropped after": { "close-before-answer": request },
  "answered twice": { "answer-twice": request },
  "never answered": { mute: request },
  "connection cut": { "cut-on-request": request },
});

const pushKnobs: Readonly<Record<Fault, Cell["knobs"]>> = {
  "dropped before": { drop: "1" },
  "dropped after": { "break-push": "1" },
  "answered twice": { duplicate: "1" },
  // The node holds the subscription, answers pings and pushes nothing: longer than any test.
  "never answered": { delay: "1h" },
  "connection cut": { "cut-on-push": "1" },
};

/** What a service node has taken and loses on its way; twice on both ways. */
const carriedKnobs: Readonly<Record<Fault, Cell["knobs"]>> = {
  ...requestKnobs("lightpush"),
  "dropped after": { drop: "1" },
  "answered twice": { duplicate: "1", "answer-twice": "lightpush" },
};

const messagesEach = 3;
/** More than one page of a Store answer. */
const twoPages = 22;

/** Both lose their connections, and the fault meets their new subscriptions. */
const subscribe: Act = async (knobs, laboratory, label) => {
  await laboratory.node.set(knobs, { next: 2, cut: true });
  await laboratory.talk(label, messagesEach);
};

const push: Act = async (knobs, laboratory, label) => {
  await laboratory.node.set(knobs, { next: 2 });
  await laboratory.talk(label, messagesEach);
};

/** Until somebody turns it off. */
const lightpush: Act = async (knobs, laboratory, label) => {
  await laboratory.node.set(knobs);
  await laboratory.talk(label, messagesEach);
};

/** Nothing is pushed, so that everything has to come out of Store, in several pages; the fault meets a later one. */
const page: Act = async (knobs, laboratory, label) => {
  const { node } = laboratory;
  await node.set({ drop: "1" });
  const before = (await node.status()).archived;
  await laboratory.talk(label, twoPages);
  await until("everything archived", async () => (await node.status()).archived >= before + 2 * twoPages || undefined);
  await node.set(knobs, { next: 2, cut: true });
};

/** The fault meets the invite itself: nothing else is on its way. */
const invite: Act = async (knobs, { node, alice, bob }, label) => {
  const { link } = await alice.admin.post<InviteView>("/v1/invites", {});
  await node.set(knobs, { next: 1 });
  const text = `${label} bob`;
  bob.sent.push(text);
  const { conversation } = await bob.admin.post<AcceptedView>("/v1/invites/accept", { link, text });
  assert.notEqual(conversation, "c1");
};

/** One message passes; what is sent next is its acknowledgement. */
const acknowledgement: Act = async (knobs, { node, alice }, label) => {
  await node.set(knobs, { next: 1, after: 1 });
  await alice.say(`${label} alice`);
};

function row(step: string, knobs: Readonly<Record<Fault, Cell["knobs"]>>, act: Act): Cell[] {
  return Object.entries(knobs).map(([fault, one]) => ({
    step,
    fault: fault as Fault,
    knobs: one,
    act: (laboratory, label) => act(one, laboratory, label),
  }));
}

/** All cells, by step. */
export const steps: Readonly<Record<string, readonly Cell[]>> = {
  subscribe: row("subscribe", requestKnobs("filter.subscribe"), subscribe),
  push: row("push", pushKnobs, push),
  lightpush: row("lightpush", requestKnobs("lightpush"), lightpush),
  "store page": row("store page", requestKnobs("store.page"), page),
  invite: row("invite", carriedKnobs, invite),
  acknowledgement: row("acknowledgement", carriedKnobs, acknowledgement),
};
