/**
 * The connections of one listener: how many there may be, and who leaves when there are too many. Whoever has not finished
 * a request makes room, so that no number of half-said sentences keeps anybody out. Knows no route.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { UmbradError } from "../../engine/errors.ts";
import type { Log } from "../../engine/ports.ts";
import { CONNECTIONS_MAX, FOLLOWERS_MAX, UNSENT_BYTES_IN_ALL_MAX, UPLOADS_MAX } from "../limits.ts";
import { closeWith, wireProblem } from "./wire-problem.ts";

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

interface Held {
  /** Requests whose answers are not complete. */
  readonly exchanges: Set<Exchange>;
  /** Has had an answer: with no exchange it idles, and its other end expects that it may be closed. */
  hasBeenAnswered: boolean;
}

export class Connections {
  readonly #log: Log;
  readonly #tell: (count: number) => void;
  /** Who was last at work comes last. */
  readonly #held = new Map<Duplex, Held>();
  #followers = 0;
  #uploads = 0;

  constructor(log: Log, tell: (count: number) => void) {
    this.#log = log;
    this.#tell = tell;
    tell(0);
  }

  watch(server: Server): void {
    server.on("connection", (socket: Socket) => this.#arrived(socket));
    server.on("request", (request, response) => this.#began({ request, response }));
    // Like any other request: there is nothing that we expect.
    server.on("checkExpectation", (request, response) => server.emit("request", request, response));
    server.on("connect", (_request, socket: Duplex) => closeWith(this.#log, socket, wireProblem(undefined)));
    server.on("timeout", (socket: Socket) => this.#stoodStill(socket));
  }

  /** For Fastify: what came on this connection is no request. */
  refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
    const isInAnswer = (this.#held.get(socket)?.exchanges.size ?? 0) > 0;
    // In the middle of another answer, or ahead of it, ours would be taken for it.
    if (error.code === "ECONNRESET" || !socket.writable || isInAnswer) socket.destroy();
    else closeWith(this.#log, socket, wireProblem(error.code));
  }

  /** Follows a stream, which may take for ever; the rest of the places is for those who ask and go. Call the answer at its end. */
  follow(): () => void {
    if (this.#followers >= FOLLOWERS_MAX) {
      throw new UmbradError("admin/busy", `${FOLLOWERS_MAX} readers follow already`, {
        hint: "end one of them; umbrad event consumers list shows who reads as a consumer",
      });
    }
    this.#followers += 1;
    return () => {
      this.#followers -= 1;
    };
  }

  /** A file that is being sent to us; its place is free when it has been answered. */
  upload(response: ServerResponse): void {
    if (this.#uploads >= UPLOADS_MAX) {
      throw new UmbradError("admin/busy", `${UPLOADS_MAX} files are being sent already`, {
        hint: "wait for their answers; with a key, repeating is safe",
      });
    }
    this.#uploads += 1;
    response.once("close", () => {
      this.#uploads -= 1;
    });
  }

  /**
   * Before an answer is made: its predecessors on its connection have left, which they must anyhow, and of all that waits to
   * be taken there is not too much. Who takes least of it is cut.
   */
  async turn(request: IncomingMessage): Promise<void> {
    // A request that is over may have none any more, whatever its type says.
    const socket = request.socket as Socket | null;
    const before: Exchange[] = [];
    for (const exchange of (socket === null ? undefined : this.#held.get(socket))?.exchanges ?? []) {
      if (exchange.request === request) break;
      before.push(exchange);
    }
    const last = before.at(-1)?.response;
    if (last !== undefined) {
      await new Promise<void>((resolve) => last.once("close", resolve));
      // Nobody is there any more, so nothing is done.
      if (socket?.destroyed === true) throw new UmbradError("admin/busy", "the connection was closed");
    }
    this.#cutGreediest();
  }

  #cutGreediest(): void {
    const unsent = [...this.#held.keys()].map((socket) => ({ socket, bytes: socket.writableLength }));
    const total = unsent.reduce((sum, { bytes }) => sum + bytes, 0);
    if (total > UNSENT_BYTES_IN_ALL_MAX) unsent.reduce((a, b) => (b.bytes > a.bytes ? b : a)).socket.destroy();
  }

  #arrived(socket: Socket): void {
    if (this.#held.size >= CONNECTIONS_MAX) {
      const leaver = this.#whoMayLeave();
      (leaver ?? socket).destroy();
      if (leaver === undefined) return;
      this.#held.delete(leaver);
    }
    this.#held.set(socket, { exchanges: new Set(), hasBeenAnswered: false });
    this.#tell(this.#held.size);
    socket.once("close", () => {
      this.#held.delete(socket);
      this.#tell(this.#held.size);
    });
  }

  /** First who idles between requests, then the oldest who has not finished one, then who does not take its answer. */
  #whoMayLeave(): Duplex | undefined {
    let unfinished: Duplex | undefined;
    let unread: Duplex | undefined;
    for (const [socket, held] of this.#held) {
      if (held.hasBeenAnswered && held.exchanges.size === 0) return socket;
      if (!isAtWork(held)) unfinished ??= socket;
      else if (socket.writableLength > 0) unread ??= socket;
    }
    return unfinished ?? unread;
  }

  #began(exchange: Exchange): void {
    const { socket } = exchange.request;
    const held = this.#held.get(socket);
    if (held === undefined) return;
    held.exchanges.add(exchange);
    exchange.response.once("close", () => {
      held.exchanges.delete(exchange);
      held.hasBeenAnswered = true;
      // A closed one stays away.
      if (this.#held.delete(socket) && !socket.destroyed) this.#held.set(socket, held);
    });
  }

  /** Nothing has moved for long. An answer that takes its time is waited for; one that nobody takes is not. */
  #stoodStill(socket: Socket): void {
    const held = this.#held.get(socket);
    if (held === undefined || !isAtWork(held) || socket.writableLength > 0) socket.destroy();
  }
}

/** Has asked something as a whole, and has no whole answer yet. */
function isAtWork({ exchanges }: Held): boolean {
  return [...exchanges].some(({ request }) => request.complete);
}
