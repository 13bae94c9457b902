/**
 * Answers where there is no request yet: Node's parser has given up, or the request did not come in time. The same problem
 * object as everywhere, written by hand. Knows no route.
 */
import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { UmbradError } from "../../engine/errors.ts";
import type { Log } from "../../engine/ports.ts";
import { PROBLEM_TYPE } from "../api/problem-answer.ts";
import { HEADER_BYTES_MAX } from "../limits.ts";
import { API_VERSION } from "../location.ts";
import { errorView, problemOf } from "../problem.ts";

const speaksHttp = "docs/api.md says how programs call";

/** What Node's code of a fault means to a caller. */
export function wireProblem(nodeCode: string | undefined): UmbradError {
  switch (nodeCode) {
    case "HPE_HEADER_OVERFLOW":
      return new UmbradError("request/headers-too-large", `path and headers may have ${HEADER_BYTES_MAX} bytes`, {
        hint: "what is large goes into a body",
      });
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return new UmbradError("request/timeout", "the request was not sent to its end in time", {
        hint: "send it again, as a whole",
      });
    default:
      return new UmbradError("request/malformed", "these bytes are no HTTP/1.1 request", { hint: speaksHttp });
  }
}

let answered = 0;

/** Says why, and closes the connection. */
export function closeWith(log: Log, socket: Duplex, problem: UmbradError): void {
  answered += 1;
  const requestId = `wire-${answered}`;
  log.debug({ event: "admin.malformed", component: "admin", code: problem.code, requestId }, "no request was answered");
  const { httpStatus } = problemOf(problem.code);
  const body = JSON.stringify({ ...errorView(problem), requestId });
  const head = [
    `HTTP/1.1 ${httpStatus} ${STATUS_CODES[httpStatus]}`,
    `content-type: ${PROBLEM_TYPE}; charset=utf-8`,
    `content-length: ${Buffer.byteLength(body)}`,
    `umbrad-api: ${API_VERSION}`,
    "cache-control: no-store",
    "connection: close",
  ];
  // Who does not read it is not waited for.
  socket.once("finish", () => socket.destroy());
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}
