/**
 * Everything that callers of the admin API do wrong, at once, on one TCP listener: 64 connections, of which some ask as fast
 * as they should, some read nothing, some talk nonsense and some say half a sentence. Counts what came back.
 */
import { Agent, request } from "node:http";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface LoadCounts {
  /** Answers with 200. */
  answered: number;
  /** Anything else that was answered. */
  refused: number;
  /** Connections on which nonsense was said, and which the daemon has closed. */
  nonsense: number;
  /** Bytes of streams that nobody reads. */
  readonly streams: number;
  readonly halfOpen: number;
}

const clients = { asking: 32, slow: 16, nonsense: 8, halfOpen: 8 } as const;
/** All of them together. */
const requestsPerSecond = 1_000;
const paths = ["/v1/status", "/v1/conversations", "/v1/consumers", "/v1/events?limit=20", "/v1/health", "/readyz"];
const nonsense = [
  "\0\x01\x02\r\n\r\n",
  "GET / HTTP/9.9\r\n\r\n",
  "POST /v1/messages HTTP/1.1\r\nHost: umbrad\r\nContent-Length: -1\r\n\r\n",
  "POST /v1/messages HTTP/1.1\r\nHost: umbrad\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n",
  `GET /v1/status HTTP/1.1\r\nHost: umbrad\r\nX: ${"x".repeat(40_000)}\r\n\r\n`,
  '{"jsonrpc":"2.0","id":1,"method":"status"}\n\r\n\r\n',
] as const;

export class AdminLoad {
  readonly counts: LoadCounts = {
    answered: 0,
    refused: 0,
    nonsense: 0,
    streams: clients.slow,
    halfOpen: clients.halfOpen,
  };
  readonly #port: number;
  readonly #token: string;
  readonly #sockets = new Set<Socket>();
  readonly #agent = new Agent({ keepAlive: true, maxSockets: clients.asking });
  readonly #running: Promise<void>[] = [];
  #isStopped = false;

  constructor(port: number, token: string) {
    this.#port = port;
    this.#token = token;
  }

  start(): void {
    for (let n = 0; n < clients.slow; n += 1) {
      const socket = this.#open();
      socket.pause();
      socket.write(this.#head("/v1/events?follow=true&after=0"));
    }
    for (let n = 0; n < clients.halfOpen; n += 1) this.#open().write(this.#head("/v1/status").slice(0, 20 + n));
    for (let n = 0; n < clients.nonsense; n += 1) this.#running.push(this.#talkNonsense(n));
    for (let n = 0; n < clients.asking; n += 1) this.#running.push(this.#ask(n));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#running);
    this.#agent.destroy();
  }

  /** Paced, so that a slow answer is followed by what it has held up: the load is the same whatever the daemon does. */
  async #ask(start: number): Promise<void> {
    const pauseMs = (1_000 * clients.asking) / requestsPerSecond;
    let dueMs = performance.now() + (pauseMs * start) / clients.asking;
    for (let n = start; !this.#isStopped; n += 1) {
      const status = await this.#get(paths[n % paths.length] ?? "/v1/status");
      if (status === 200) this.counts.answered += 1;
      else if (status !== undefined) this.counts.refused += 1;
      dueMs += pauseMs;
      await sleep(Math.max(0, dueMs - performance.now()));
    }
  }

  #get(path: string): Promise<number | undefined> {
    return new Promise((resolve) => {
      const headers = { authorization: `Bearer ${this.#token}` };
      const sent = request({ host: "127.0.0.1", port: this.#port, path, headers, agent: this.#agent });
      // No room, or the end of the daemon: what the test looks at is what comes of it.
      sent.on("error", () => resolve(undefined));
      sent.on("response", (response) => {
        response.resume().on("close", () => resolve(response.statusCode));
      });
      sent.end();
    });
  }

  async #talkNonsense(start: number): Promise<void> {
    for (let n = start; !this.#isStopped; n += 1) {
      const socket = this.#open();
      socket.resume().write(nonsense[n % nonsense.length] ?? "");
      await new Promise((resolve) => socket.once("close", resolve));
      if (!this.#isStopped) this.counts.nonsense += 1;
      await sleep(50);
    }
  }

  #head(path: string): string {
    return `GET ${path} HTTP/1.1\r\nHost: umbrad\r\nAuthorization: Bearer ${this.#token}\r\n\r\n`;
  }

  #open(): Socket {
    const socket = connect({ host: "127.0.0.1", port: this.#port });
    this.#sockets.add(socket);
    socket.on("error", () => {}).once("close", () => this.#sockets.delete(socket));
    return socket;
  }
}
