/**
 * The one table from error code to HTTP status, exit code and "may the caller repeat it". A code that is not listed gets
 * the row of its area, so that an adapter may add a code without breaking anybody.
 */
import { UmbradError } from "../engine/errors.ts";

export interface Problem {
  readonly httpStatus: number;
  /** BSD sysexits. */
  readonly exitCode: number;
  readonly retryable: boolean;
}

export const exitCodes = {
  ok: 0,
  refused: 1,
  usage: 64,
  dataError: 65,
  notInitialised: 66,
  unknownThing: 67,
  unavailable: 69,
  software: 70,
  cannotCreate: 73,
  ioError: 74,
  tryAgain: 75,
  protocol: 76,
  noPermission: 77,
  configuration: 78,
  interrupted: 130,
} as const;

const final = (httpStatus: number, exitCode: number): Problem => ({ httpStatus, exitCode, retryable: false });
const retry = (httpStatus: number, exitCode: number): Problem => ({ httpStatus, exitCode, retryable: true });

const problems: ReadonlyMap<string, Problem> = new Map([
  ["cli/usage", final(400, exitCodes.usage)],
  ["cli/timeout", retry(504, exitCodes.tryAgain)],
  ["cli/interrupted", final(400, exitCodes.interrupted)],

  ["cli/cannot-read-file", final(400, exitCodes.notInitialised)],
  ["cli/cannot-save-file", final(500, exitCodes.cannotCreate)],
  ["cli/needs-terminal", final(400, exitCodes.usage)],
  ["debug/not-an-envelope", final(400, exitCodes.dataError)],

  ["request/invalid", final(400, exitCodes.usage)],
  ["request/malformed", final(400, exitCodes.protocol)],
  ["request/headers-too-large", final(431, exitCodes.dataError)],
  ["request/timeout", retry(408, exitCodes.tryAgain)],
  ["request/not-unicode", final(400, exitCodes.dataError)],
  ["request/too-large", final(413, exitCodes.dataError)],
  ["request/media-type", final(415, exitCodes.usage)],
  ["request/no-such-route", final(404, exitCodes.protocol)],

  ["admin/forbidden", final(403, exitCodes.noPermission)],
  ["admin/unauthorized", final(401, exitCodes.noPermission)],
  ["admin/rate-limited", retry(429, exitCodes.tryAgain)],
  ["admin/api-version", final(400, exitCodes.protocol)],
  ["admin/busy", retry(503, exitCodes.tryAgain)],
  ["admin/socket-path-too-long", final(500, exitCodes.configuration)],
  ["admin/cannot-listen", final(500, exitCodes.cannotCreate)],
  ["admin/stream-ended", retry(503, exitCodes.unavailable)],

  ["daemon/unreachable", retry(503, exitCodes.unavailable)],
  ["daemon/starting", retry(503, exitCodes.tryAgain)],
  ["daemon/not-ready", retry(503, exitCodes.tryAgain)],
  ["daemon/not-running", retry(503, exitCodes.tryAgain)],
  ["daemon/draining", retry(503, exitCodes.tryAgain)],
  ["daemon/timeout", retry(504, exitCodes.tryAgain)],

  ["service/exists", final(409, exitCodes.cannotCreate)],
  ["service/cannot-write", final(500, exitCodes.cannotCreate)],
  ["service/hidden", final(400, exitCodes.configuration)],

  ["state/cannot-create", final(500, exitCodes.cannotCreate)],

  ["identity/bad-words", final(400, exitCodes.dataError)],
  ["identity/malformed", final(400, exitCodes.dataError)],
  ["identity/wrong-passphrase", final(500, exitCodes.noPermission)],

  ["passphrase/missing", final(500, exitCodes.noPermission)],
  ["passphrase/exposed", final(500, exitCodes.noPermission)],
  ["passphrase/unreadable", final(500, exitCodes.notInitialised)],
  ["passphrase/empty", final(500, exitCodes.dataError)],
  ["passphrase/differs", final(400, exitCodes.dataError)],

  ["command/malformed", final(400, exitCodes.usage)],

  ["conversation/unknown", final(404, exitCodes.unknownThing)],
  ["conversation/ambiguous", final(409, exitCodes.unknownThing)],
  ["conversation/wrong-state", final(409, exitCodes.refused)],

  ["contact/unknown", final(404, exitCodes.unknownThing)],
  ["contact/ambiguous", final(409, exitCodes.unknownThing)],
  ["contact/no-request", final(404, exitCodes.unknownThing)],
  ["contact/undecided", final(409, exitCodes.refused)],
  ["contact/blocked", final(409, exitCodes.refused)],
  ["contact/link-needed", final(409, exitCodes.refused)],
  ["contact/number-differs", final(409, exitCodes.refused)],
  ["contact/bad-name", final(400, exitCodes.dataError)],

  ["invite/malformed", final(400, exitCodes.dataError)],
  ["invite/expired", final(410, exitCodes.dataError)],
  ["invite/own", final(400, exitCodes.dataError)],
  ["invite/unsupported", final(400, exitCodes.dataError)],
  ["invite/unknown", final(404, exitCodes.unknownThing)],
  ["invite/ended", final(409, exitCodes.refused)],

  ["message/expired", final(410, exitCodes.unknownThing)],
  ["message/empty", final(400, exitCodes.dataError)],
  ["message/not-text", final(400, exitCodes.dataError)],
  ["message/too-large", final(413, exitCodes.dataError)],
  ["message/bad-file-name", final(400, exitCodes.usage)],
  ["message/content-not-kept", final(410, exitCodes.unknownThing)],
  ["message/unknown", final(404, exitCodes.unknownThing)],
  ["message/key-conflict", final(409, exitCodes.refused)],
  ["message/not-answered", final(504, exitCodes.tryAgain)],
  ["message/not-confirmed", final(504, exitCodes.tryAgain)],
  ["message/queue-full", retry(429, exitCodes.tryAgain)],
  ["message/already-left", final(409, exitCodes.refused)],
  ["message/leaving", retry(409, exitCodes.tryAgain)],
  ["message/cannot-cancel", final(409, exitCodes.refused)],
  ["message/not-failed", final(409, exitCodes.refused)],
  ["message/received", final(409, exitCodes.refused)],
  ["message/failed", final(502, exitCodes.refused)],

  ["parked/unknown", final(404, exitCodes.unknownThing)],

  ["consumer/unknown", final(404, exitCodes.unknownThing)],
  ["consumer/busy", retry(409, exitCodes.tryAgain)],
  ["consumer/ahead", final(400, exitCodes.dataError)],
  ["consumer/too-many", final(409, exitCodes.refused)],

  ["token/unknown", final(404, exitCodes.unknownThing)],
  ["token/exists", final(409, exitCodes.refused)],
  ["token/too-many", final(409, exitCodes.refused)],

  ["store/not-initialised", final(500, exitCodes.notInitialised)],
  ["store/exists", final(409, exitCodes.cannotCreate)],
  ["store/permissions", final(500, exitCodes.noPermission)],
  ["store/passphrase-required", final(500, exitCodes.noPermission)],
  ["store/not-sealed", final(500, exitCodes.noPermission)],
  ["store/wrong-passphrase", final(500, exitCodes.noPermission)],
  ["store/locked", retry(503, exitCodes.tryAgain)],
  ["store/busy", retry(503, exitCodes.tryAgain)],
  ["store/full", retry(507, exitCodes.tryAgain)],
  ["store/io", retry(503, exitCodes.ioError)],
  ["store/readonly", retry(503, exitCodes.ioError)],
  ["store/conflict", retry(503, exitCodes.tryAgain)],
  ["store/newer-schema", final(500, exitCodes.configuration)],
  ["store/corrupt", final(500, exitCodes.dataError)],

  ["transport/bad-peer", final(500, exitCodes.configuration)],

  ["devnet/bad-option", final(400, exitCodes.usage)],

  ["internal/bug", final(500, exitCodes.software)],
]);

const areas: ReadonlyMap<string, Problem> = new Map([
  ["cli", final(400, exitCodes.usage)],
  ["request", final(400, exitCodes.usage)],
  ["config", final(500, exitCodes.configuration)],
  ["store", final(500, exitCodes.ioError)],
  ["state", final(500, exitCodes.ioError)],
  ["passphrase", final(500, exitCodes.noPermission)],
  ["transport", retry(503, exitCodes.tryAgain)],
  ["command", final(409, exitCodes.refused)],
  ["devnet", final(500, exitCodes.cannotCreate)],
  ["contact", final(409, exitCodes.refused)],
  ["invite", final(400, exitCodes.dataError)],
  ["message", final(400, exitCodes.dataError)],
  ["conversation", final(409, exitCodes.refused)],
  ["token", final(409, exitCodes.refused)],
  ["consumer", final(409, exitCodes.refused)],
  ["parked", final(409, exitCodes.refused)],
]);

const elsewhere: Problem = final(500, exitCodes.refused);

/** The row of a code; unknown codes get their area's. */
export function problemOf(code: string): Problem {
  return problems.get(code) ?? areas.get(code.slice(0, code.indexOf("/"))) ?? elsewhere;
}

/** How an error is written on the wire and on stderr. */
export interface ErrorView {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly hint?: string;
}

/** The only rendering of an error for people and programs; anything but an UmbradError is our own bug. */
export function errorView(error: unknown): ErrorView {
  if (error instanceof UmbradError) {
    const { code, message, hint } = error;
    const retryable = problemOf(code).retryable;
    return hint === undefined ? { code, message, retryable } : { code, message, retryable, hint };
  }
  // An unknown message may carry anything, so it goes to the log under the request id and never to a caller.
  return { code: "internal/bug", message: "umbrad met a fault of its own", retryable: false };
}
