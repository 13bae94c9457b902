/** `status`, `wait` and `stop`: the daemon as a whole. */
import { setTimeout as sleep } from "node:timers/promises";
import type { StatusView } from "../../admin/views.ts";
import { UmbradError } from "../../engine/errors.ts";
import { type Deadline, deadlineAfter, durationText } from "../duration.ts";
import { fieldLines } from "../output.ts";
import type { Session } from "../session.ts";

export async function status({ admin, output }: Session): Promise<void> {
  const view = await (await admin()).get<StatusView>("/v1/status");
  output.answer(view, statusText(view));
}

type Condition = "ready" | "synced" | "outbox-empty";

const conditions: Readonly<Record<Condition, (view: StatusView) => boolean>> = {
  ready: ({ state }) => state === "ready",
  synced: ({ state, synced }) => state === "ready" && synced,
  "outbox-empty": ({ state, outbox }) => state !== "starting" && outbox === 0,
};

const waitMsDefault = 30_000;
/** Short enough that nobody notices, long enough that waiting costs nothing. */
const pollMs = 100;
/** At the very end of a wait, too, a daemon that is not there must be told from one that says nothing. */
const answerMsMin = 1_000;

/** Also waits for a daemon that is not there yet, so that it may follow `umbrad run &` directly. */
export async function wait(session: Session, condition: string): Promise<void> {
  if (!isCondition(condition)) {
    throw new UmbradError("cli/usage", `${JSON.stringify(condition)} is nothing to wait for`, {
      hint: `choose one of: ${Object.keys(conditions).join(", ")}`,
    });
  }
  const deadline = deadlineAfter(session.timeoutMs ?? waitMsDefault);
  await waitUntil(session, conditions[condition], condition, deadline);
  session.output.answer({ condition, met: true }, `${condition}: yes`);
}

async function waitUntil(
  { admin }: Session,
  isMet: (view: StatusView) => boolean,
  condition: Condition,
  deadline: Deadline,
): Promise<void> {
  let lastError: unknown;
  let lastView: StatusView | undefined;
  do {
    try {
      lastView = await (await admin(Math.max(answerMsMin, deadline.leftMs()))).get<StatusView>("/v1/status");
      if (isMet(lastView)) return;
      lastError = undefined;
    } catch (error) {
      if (!isWorthRepeating(error)) throw error;
      lastError = error;
    }
    await sleep(Math.min(pollMs, deadline.leftMs()));
  } while (deadline.leftMs() > 0);
  if (lastView === undefined && lastError !== undefined) throw lastError;
  throw notMet(condition, lastView, deadline.totalMs);
}

function notMet(condition: Condition, view: StatusView | undefined, totalMs: number): UmbradError {
  const why = view === undefined ? "" : `: state ${view.state}${view.reasons.map((reason) => `, ${reason}`).join("")}`;
  return new UmbradError("cli/timeout", `${condition} was not reached within ${durationText(totalMs)}${why}`, {
    hint: "umbrad status shows more; --timeout gives it longer",
  });
}

function isCondition(text: string): text is Condition {
  return Object.hasOwn(conditions, text);
}

function isWorthRepeating(error: unknown): boolean {
  return error instanceof UmbradError && ["daemon/unreachable", "daemon/timeout", "admin/busy"].includes(error.code);
}

/** A stop takes at most 5 s by design; the rest is for a machine under load. */
const stopMsDefault = 15_000;

export async function stop({ admin, output, timeoutMs }: Session): Promise<void> {
  // The daemon answers when its state is on disk and its lock is free, so that the next command may be `umbrad run`.
  await (await admin(timeoutMs ?? stopMsDefault)).post("/v1/stop");
  output.answer({ stopped: true }, "stopped");
}

function statusText(view: StatusView): string {
  const { network } = view;
  return fieldLines([
    ...(view.name === null ? [] : [["name", view.name] as const]),
    ["state", [view.state, ...view.reasons].join(" - ")],
    ["address", view.clientAddress ?? "(starting)"],
    ["network", `${network.peers} of ${network.configuredPeers} peers, listening on ${network.listening} topics`],
    ["canary", canaryText(view)],
    ["synced", view.synced ? "yes" : "no"],
    ["conversations", String(view.conversations)],
    ["outbox", String(view.outbox)],
    ...(view.quota === null ? [] : [["quota", quotaText(view.quota)] as const]),
    ["parked", String(view.parked)],
    ["events", String(view.lastSeq)],
    ["last backup", view.backedUpAt ?? "none"],
    ...(view.listen === null ? [] : [["tokens at", `http://${view.listen}`] as const]),
    ["daemon", `umbrad ${view.version}, pid ${view.pid}, since ${view.startedAt}`],
  ]);
}

function canaryText({ canary }: StatusView): string {
  if (canary === null) return "(starting)";
  const { state, rttMs, ageMs, silentNodes } = canary;
  if (rttMs === null || ageMs === null) return state;
  const silent = silentNodes.length === 0 ? "" : `; these service nodes push nothing: ${silentNodes.join(", ")}`;
  return `${state}, last back after ${rttMs} ms, ${Math.round(ageMs / 1000)} s ago${silent}`;
}

function quotaText({ publications, windowMs, left, nextAt, share }: NonNullable<StatusView["quota"]>): string {
  const next = nextAt === null ? "" : `, the next at ${nextAt}`;
  const room = `${left} of ${publications} envelopes in ${durationText(windowMs)} left${next}`;
  return `${room}; ${share.left} of ${share.tokens} for acknowledgements and repetitions`;
}
