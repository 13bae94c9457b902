/** Why the process ends: signals, a request of the admin API, a fault outside any turn. Knows no part of the daemon. */
import { exitCodes } from "../admin/problem.ts";
import { UmbradError } from "../engine/errors.ts";
import type { Log } from "../engine/ports.ts";

export interface StopRequest {
  readonly asked: Promise<void>;
  isAsked(): boolean;
  ask(why: string): void;
  /** Takes the handlers off the process. */
  [Symbol.dispose](): void;
}

/** First signal: orderly stop. Second: at once, because somebody waits for it. */
export function listenForStop(log: Log): StopRequest {
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  let isAsked = false;
  let signals = 0;
  const ask = (why: string): void => {
    if (isAsked) return;
    isAsked = true;
    log.info({ event: "daemon.stopping", component: "daemon", why }, "stopping");
    resolve();
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    signals += 1;
    if (signals > 1) {
      log.warn({ event: "daemon.forced", component: "daemon" }, "second signal: ending at once");
      // Every acknowledged turn is on disk already; what is lost is only politeness.
      process.exit(exitCodes.refused);
    }
    ask(signal);
  };
  const signalNames = ["SIGTERM", "SIGINT"] as const;
  for (const name of signalNames) process.on(name, onSignal);
  const withdrawFaults = reportFaults(log);
  return {
    asked,
    ask,
    isAsked: () => isAsked,
    [Symbol.dispose]() {
      for (const name of signalNames) process.off(name, onSignal);
      withdrawFaults();
    },
  };
}

/** SIGHUP reads the configuration again; many that come at once are one. */
export function listenForReload(reload: () => void): Disposable {
  let isPending = false;
  const onSignal = (): void => {
    if (isPending) return;
    isPending = true;
    setImmediate(() => {
      isPending = false;
      try {
        reload();
      } catch (error) {
        // A wrong file is in the log already, and nobody waits for an answer to a signal.
        if (!(error instanceof UmbradError)) throw error;
      }
    });
  };
  process.on("SIGHUP", onSignal);
  return { [Symbol.dispose]: () => void process.off("SIGHUP", onSignal) };
}

/** The networking libraries drop promises; a fault that begins in one of them says nothing about our state. */
const libraryFrame = /node_modules\/(?:@waku|@libp2p|libp2p|@chainsafe|@multiformats|it-|race-)/;
/** What a closed socket or an ended wait says when its stack has no frame of a file at all. */
const networkCodes: ReadonlySet<unknown> = new Set(["ECONNRESET", "ECONNREFUSED", "EPIPE", "ETIMEDOUT", "ABORT_ERR"]);

/** Whether a rejection that nobody handled began in a networking library. */
export function isLibraryFault(reason: unknown): boolean {
  if (!(reason instanceof Error)) return false;
  const frames = (reason.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  const first = frames.find((frame) => /\//.test(frame.replace(/node:[\w/]+/, "")));
  if (first !== undefined) return libraryFrame.test(first);
  return reason.name === "AbortError" || networkCodes.has((reason as NodeJS.ErrnoException).code);
}

function reportFaults(log: Log): () => void {
  let libraryFaults = 0;
  const onRejection = (reason: unknown): void => {
    if (isLibraryFault(reason)) {
      libraryFaults += 1;
      const fields = { event: "process.library-fault", component: "daemon", count: libraryFaults, err: reason };
      log.error(fields, "a networking library dropped a failed promise");
      return;
    }
    onFault(reason);
  };
  const onFault = (reason: unknown): void => {
    log.error({ event: "process.fault", component: "daemon", err: reason }, "a fault outside any turn: ending");
    // The supervisor restarts us from what is on disk; going on with a process that we do not understand is worse.
    process.exit(exitCodes.software);
  };
  process.on("unhandledRejection", onRejection).on("uncaughtException", onFault);
  return () => {
    process.off("unhandledRejection", onRejection).off("uncaughtException", onFault);
  };
}
