/**
 * The other end of the admin API, for commands and for `umbrad/client`: one request or one stream, over node:http only, on
 * the unix socket or on loop-back TCP with a token. Loads nothing else, so that a command starts quickly. Errors of the daemon come out as the UmbradErrors they were.
 */
import type { ClientRequest, IncomingMessage } from "node:http";
import { UmbradError } from "../engine/errors.ts";
import { KEEP_ALIVE_MS } from "./limits.ts";
import { API_VERSION, checkSocketPath } from "./location.ts";

/**
 * Not by `import`: that reads every export of the module, some of which (WebSocket and its events) load all of undici, and
 * a command would take twice as long to start.
 */
const { request: httpRequest } = process.getBuiltinModule("node:http");

/** An answer is one page of JSON; more than this is not our daemon. */
const ANSWER_BYTES_MAX = 256 * 1024 * 1024;

/** Three heartbeats of a stream, as docs/api.md says: a connection that is silent for longer is dead. */
const silenceMsMax = 3 * KEEP_ALIVE_MS;

/** Where a daemon is asked. */
export type AdminPlace =
  | { readonly socketPath: string }
  | { readonly host: string; readonly port: number; readonly token: string };

export interface AdminClientOptions {
  readonly place: AdminPlace;
  /** A whole answer must be there by then; streams only their headers. */
  readonly timeoutMs: number;
  /** How long a stream may be silent before it counts as cut. */
  readonly silenceMs?: number;
  /** Said when nobody listens: the command that starts the daemon. */
  startHint(): Promise<string>;
}

export interface EventLines {
  /** The seq after which the stream begins. */
  readonly after: number;
  /** Lines of NDJSON without keep-alives. Ends when the daemon ends it. */
  readonly lines: AsyncIterable<string>;
  close(): void;
}

export interface AdminClient {
  get<Answer>(path: string): Promise<Answer>;
  post<Answer>(path: string, body?: unknown): Promise<Answer>;
  delete<Answer>(path: string): Promise<Answer>;
  /** A body of bytes. */
  upload<Answer>(path: string, bytes: Uint8Array): Promise<Answer>;
  /** An answer of bytes, as they come; `onBytes` may wait. */
  download(path: string, onBytes: (chunk: Buffer) => Promise<void>): Promise<void>;
  patch<Answer>(path: string, body: unknown): Promise<Answer>;
  events(query: URLSearchParams): Promise<EventLines>;
  /** Any other stream of NDJSON; its `after` means nothing. */
  lines(path: string): Promise<EventLines>;
}

export function connectAdmin(options: AdminClientOptions): AdminClient {
  if ("socketPath" in options.place) checkSocketPath(options.place.socketPath);
  return {
    get: async (path) => JSON.parse(await exchange(options, "GET", path, undefined)),
    post: async (path, body) => JSON.parse(await exchange(options, "POST", path, JSON.stringify(body ?? {}))),
    delete: async (path) => JSON.parse(await exchange(options, "DELETE", path, undefined)),
    upload: async (path, bytes) => JSON.parse(await exchange(options, "POST", path, bytes)),
    download: (path, onBytes) => download(options, path, onBytes),
    patch: async (path, body) => JSON.parse(await exchange(options, "PATCH", path, JSON.stringify(body))),
    events: (query) => openLines(options, `/v1/events?${query}`),
    lines: (path) => openLines(options, path),
  };
}

async function exchange(
  options: AdminClientOptions,
  method: string,
  path: string,
  body: string | Uint8Array | undefined,
): Promise<string> {
  const signal = AbortSignal.timeout(timerMs(options));
  try {
    const response = await send(options, method, path, body, signal);
    const text = await readAll(response);
    refuseErrors(response, text);
    return text;
  } catch (error) {
    throw signal.aborted ? tooLate(options) : await asUnreachable(options, error);
  }
}

async function download(
  options: AdminClientOptions,
  path: string,
  onBytes: (chunk: Buffer) => Promise<void>,
): Promise<void> {
  const signal = AbortSignal.timeout(timerMs(options));
  try {
    const response = await send(options, "GET", path, undefined, signal);
    if (response.statusCode !== 200) return refuseErrors(response, await readAll(response));
    refuseOtherVersion(response);
    for await (const chunk of response as AsyncIterable<Buffer>) await onBytes(chunk);
  } catch (error) {
    throw signal.aborted ? tooLate(options) : await asUnreachable(options, error);
  }
}

async function openLines(options: AdminClientOptions, path: string): Promise<EventLines> {
  const headersInTime = new AbortController();
  const timer = setTimeout(() => headersInTime.abort(), timerMs(options));
  try {
    const response = await send(options, "GET", path, undefined, headersInTime.signal);
    if (response.statusCode !== 200) refuseErrors(response, await readAll(response));
    else refuseOtherVersion(response);
    const after = Number(response.headers["umbrad-after"]);
    return { after, lines: linesOf(response, options.silenceMs ?? silenceMsMax), close: () => response.destroy() };
  } catch (error) {
    throw headersInTime.signal.aborted ? tooLate(options) : await asUnreachable(options, error);
  } finally {
    clearTimeout(timer);
  }
}

function send(
  { place }: AdminClientOptions,
  method: string,
  path: string,
  body: string | Uint8Array | undefined,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const type = typeof body === "string" ? "application/json" : "application/octet-stream";
    const content = body === undefined ? {} : { "content-type": type, "content-length": Buffer.byteLength(body) };
    const token = "token" in place ? { authorization: `Bearer ${place.token}` } : {};
    const headers = { host: "umbrad", "umbrad-api": API_VERSION, accept: "application/json", ...token, ...content };
    const to = "token" in place ? { host: place.host, port: place.port } : place;
    const call: ClientRequest = httpRequest({ ...to, method, path, headers, signal, agent: false });
    call.on("response", resolve).on("error", reject);
    call.end(body);
  });
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) throw new UmbradError("admin/api-version", "the answer is too large to be umbrad's");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

async function* linesOf(response: IncomingMessage, silenceMs: number): AsyncGenerator<string> {
  response.setEncoding("utf8");
  let rest = "";
  const chunks: AsyncIterator<string> = response[Symbol.asyncIterator]();
  try {
    while (true) {
      // Only while we wait: a caller that takes long for a line is not the daemon's silence.
      const timer = setTimeout(() => response.destroy(), silenceMs);
      const { done, value } = await chunks.next().finally(() => clearTimeout(timer));
      if (done === true) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (line !== "") yield line;
    }
  } catch (error) {
    // Cut in the middle: the caller knows its last seq and says how to go on.
    if (!isConnectionError(error)) throw error;
  } finally {
    response.destroy();
  }
}

function refuseErrors(response: IncomingMessage, text: string): void {
  const status = response.statusCode ?? 0;
  const view = status < 400 ? undefined : errorIn(text);
  // Node itself answers this, without our header.
  if (status === 431)
    throw new UmbradError("request/too-large", "the request line is too long: no id, name or handle has that length", {
      hint: "what was given as a conversation, contact or id?",
    });
  // An old daemon refuses our version by that very code, so its word comes before its header.
  if (view?.code !== "admin/api-version") refuseOtherVersion(response);
  if (status < 400) return;
  if (view === undefined)
    throw new UmbradError("internal/bug", `the daemon answered HTTP ${status} without an error object`);
  throw new UmbradError(view.code, view.message, view.hint === undefined ? {} : { hint: view.hint });
}

function refuseOtherVersion({ headers }: IncomingMessage): void {
  const version = headers["umbrad-api"];
  if (version === API_VERSION) return;
  const theirs = version === undefined ? "none" : JSON.stringify(version);
  throw new UmbradError(
    "admin/api-version",
    `this command speaks API version ${API_VERSION}, who answers on the socket ${theirs}`,
    {
      hint: "use the umbrad command of the daemon's own version",
    },
  );
}

function errorIn(text: string): { code: string; message: string; hint?: string } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const fields = value as { code?: unknown; message?: unknown; hint?: unknown } | null;
    if (typeof fields?.code !== "string" || typeof fields.message !== "string") return undefined;
    const { code, message, hint } = fields;
    return typeof hint === "string" ? { code, message, hint } : { code, message };
  } catch {
    return undefined;
  }
}

/** What a timer of Node takes: whole milliseconds in 31 bits. */
function timerMs({ timeoutMs }: AdminClientOptions): number {
  return Math.min(Math.ceil(timeoutMs), 2 ** 31 - 1);
}

function isConnectionError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "code" in error && typeof error.code === "string" && !(error instanceof UmbradError);
}

function tooLate({ timeoutMs }: AdminClientOptions): UmbradError {
  return new UmbradError("daemon/timeout", `the daemon did not answer within ${Math.round(timeoutMs) / 1000} s`, {
    hint: "try again, or give it longer: --timeout 60s",
  });
}

async function asUnreachable({ place, startHint }: AdminClientOptions, error: unknown): Promise<unknown> {
  if (!isConnectionError(error)) return error;
  const where = "socketPath" in place ? place.socketPath : `${place.host}:${place.port}`;
  if (error.code === "EACCES" || error.code === "EPERM") {
    return new UmbradError("admin/forbidden", `not allowed to use the admin socket ${where}`, {
      hint: "run the command as the user that runs the daemon",
      cause: error,
    });
  }
  if (error.code === "ECONNRESET" || error.code === "EPIPE") {
    return new UmbradError("admin/busy", "the daemon closed the connection without an answer", {
      hint: "it is stopping or has too many callers; try again",
      cause: error,
    });
  }
  if (error.code?.startsWith("HPE_")) {
    return new UmbradError("admin/api-version", `what answers at ${where} does not speak HTTP`, { cause: error });
  }
  const why = error.code === "ENOENT" ? "there is no admin socket" : `nobody answers (${error.code})`;
  return new UmbradError("daemon/unreachable", `no daemon is running: ${why} at ${where}`, {
    hint: await startHint(),
    cause: error,
  });
}
