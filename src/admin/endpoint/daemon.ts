/** The daemon as a whole. */
import { UmbradError } from "../../engine/errors.ts";
import * as answers from "../api/answers.ts";
import { type Call, endpoint } from "../api/endpoint.ts";
import { type StatusView, statusView } from "../views.ts";

function statusOf({ host, open }: Pick<Call<unknown, unknown, unknown>, "host" | "open">): StatusView {
  return statusView(host.engine()?.status(), host.identity, host.draining(), open.tcp());
}

export const live = endpoint({
  id: "live",
  summary: "Whether the process answers",
  answer: answers.live,
  confined: "itself",
  handle: () => ({ alive: true as const }),
});

export const ready = endpoint({
  id: "ready",
  summary: "Whether the daemon does its work: 503 when it does not",
  answer: answers.readiness,
  confined: "itself",
  handle(call: Call<unknown, unknown, unknown>) {
    const { state, reasons } = statusOf(call);
    if (state === "ready") return { state, reasons };
    throw new UmbradError("daemon/not-ready", [`the daemon is ${state}`, ...reasons].join("; "), {
      hint: "umbrad health",
    });
  },
});

export const status = endpoint({
  id: "status",
  summary: "What the daemon is doing",
  answer: answers.status,
  confined: "itself",
  handle(call: Call<unknown, unknown, unknown>) {
    const view = statusOf(call);
    const { confinedTo } = call.caller;
    const engine = call.host.engine();
    if (confinedTo === undefined || engine === undefined) return view;
    // How many there are would tell of those that do not exist for it.
    const seen = confinedTo(engine);
    return { ...view, conversations: engine.conversations().filter(({ handle }) => seen.has(handle)).length };
  },
});

export const health = endpoint({
  id: "health",
  summary: "What works and what does not",
  answer: answers.health,
  confined: "itself",
  handle(call) {
    const { state, reasons } = statusOf(call);
    return { state, reasons, checks: call.host.engine()?.health() ?? [] };
  },
});

export const metrics = endpoint({
  id: "metrics",
  summary: "What Prometheus reads",
  answer: "metrics",
  async handle({ host, reply }) {
    const text = await host.metrics.text();
    // By itself: the serialiser of this API makes JSON of whatever it gets.
    reply.header("content-type", host.metrics.contentType).serializer((value) => String(value));
    return text;
  },
});

export const stop = endpoint({
  id: "stop",
  summary: "Stop in good order; answered when everything is on disk",
  answer: answers.stopped,
  handle({ host, open, reply }) {
    open.answerWhenStopped(reply);
    host.requestStop();
    return undefined;
  },
});
