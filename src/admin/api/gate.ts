/** What every request passes before its route: is it for us, who sends it, and has its connection room for it. */
import type { FastifyRequest } from "fastify";
import { UmbradError } from "../../engine/errors.ts";
import { IN_FLIGHT_MAX } from "../limits.ts";
import { API_VERSION } from "../location.ts";
import type { Tokens } from "../token/tokens.ts";
import type { Caller } from "./endpoint.ts";
import { REQUEST_SHAPES } from "./problem-answer.ts";
import type { RouteConfig } from "./serve.ts";

type Socket = FastifyRequest["raw"]["socket"];

const owner: Caller = { tokenId: undefined, confinedTo: undefined, consumers: undefined, until: undefined };
const nobody: Caller = { tokenId: undefined, confinedTo: () => new Map(), consumers: new Set(), until: undefined };

export class Gate {
  /** undefined: the unix socket, whose file modes say who may come. */
  readonly #tokens: Tokens | undefined;
  readonly #callers = new WeakMap<FastifyRequest, Caller>();
  readonly #sockets = new WeakMap<FastifyRequest, Socket>();
  readonly #inFlight = new WeakMap<Socket, number>();

  constructor(tokens: Tokens | undefined) {
    this.#tokens = tokens;
  }

  /** Throws what refuses the request. */
  pass(request: FastifyRequest): void {
    refuseStrangers(request);
    refuseOddBodies(request);
    this.#countIn(request);
    this.#callers.set(request, this.#identify(request));
  }

  callerOf(request: FastifyRequest): Caller {
    return this.#callers.get(request) ?? nobody;
  }

  #identify({ routeOptions, headers }: FastifyRequest): Caller {
    if (this.#tokens === undefined) return owner;
    // What is no route at all is told to those only who may ask.
    const { access = "token", id = "" } = routeOptions.config as Partial<RouteConfig>;
    return access === "open" ? nobody : this.#tokens.authorise(headers.authorization, access, id);
  }

  /** Requests may be sent before their predecessors are answered; each costs memory until it is. */
  #countIn(request: FastifyRequest): void {
    const socket = request.raw.socket as Socket | null;
    // Gone already: there is nobody to answer.
    if (socket === null) return;
    const count = (this.#inFlight.get(socket) ?? 0) + 1;
    // Remembered: a request that is over may have no socket any more, whatever its type says.
    this.#sockets.set(request, socket);
    this.#inFlight.set(socket, count);
    if (count <= IN_FLIGHT_MAX) return;
    throw new UmbradError("admin/busy", `a connection may have ${IN_FLIGHT_MAX} requests under way`, {
      hint: "wait for answers, or open another connection",
    });
  }

  /** When a request is over, however it ended. */
  left(request: FastifyRequest): void {
    const socket = this.#sockets.get(request);
    if (socket !== undefined) this.#inFlight.set(socket, (this.#inFlight.get(socket) ?? 1) - 1);
  }
}

/** A Host that only this API is called by; a page that made a browser come here sends another, or an Origin. */
const ownHost = /^(?:localhost|umbrad|u|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/;

/** Bodies that would be read otherwise than they were meant, or not at all. */
function refuseOddBodies({ method, headers }: FastifyRequest): void {
  const hasBody = headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
  if (!hasBody) return;
  if (method === "GET" || method === "HEAD") {
    throw new UmbradError("request/invalid", `a ${method} takes no body`, { hint: REQUEST_SHAPES });
  }
  const charset = /charset="?([^";\s]*)/i.exec(headers["content-type"] ?? "")?.[1] ?? "utf-8";
  if (headers["content-encoding"] !== undefined || charset.toLowerCase() !== "utf-8") {
    throw new UmbradError("request/media-type", "a body is UTF-8 and not compressed", {
      hint: "send it as it is, as application/json",
    });
  }
}

function refuseStrangers({ headers, raw }: FastifyRequest): void {
  if (headers.origin !== undefined || headers.referer !== undefined) {
    throw new UmbradError("admin/forbidden", "requests that come from a web page are refused", {
      hint: "call from a program, without Origin and Referer",
    });
  }
  // Node takes the first of several.
  if (!ownHost.test(headers.host ?? "") || (raw.headersDistinct["host"]?.length ?? 0) > 1) {
    throw new UmbradError("admin/forbidden", "the Host header must be localhost or umbrad", {
      hint: "curl --unix-socket PATH http://umbrad/...",
    });
  }
  const version = headers["umbrad-api"];
  if (version !== undefined && version !== API_VERSION) {
    throw new UmbradError(
      "admin/api-version",
      `this daemon speaks API version ${API_VERSION}, the caller ${String(version).slice(0, 16)}`,
      {
        hint: "use the umbrad command of the daemon's own version",
      },
    );
  }
}
