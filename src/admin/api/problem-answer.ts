/** How an error leaves the API: one object whatever went wrong and wherever. Tells nothing of a fault of our own. */
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { UmbradError } from "../../engine/errors.ts";
import type { AdminHost } from "../host.ts";
import { BODY_BYTES_MAX } from "../limits.ts";
import { API_VERSION } from "../location.ts";
import { errorView, problemOf } from "../problem.ts";
import { badUrl } from "./unicode.ts";

/** RFC 9457 lets an application choose the members; ours are those of `ErrorView`. */
export const PROBLEM_TYPE = "application/problem+json";

/** Answers with the problem; a fault of our own is logged under the request's id. */
export function answerProblem(
  host: AdminHost,
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const known = asUmbradError(error);
  const view = errorView(known ?? error);
  if (known === undefined) {
    const fields = {
      event: "admin.bug",
      component: "admin",
      route: request.routeOptions.url ?? "none",
      requestId: request.id,
      err: error,
    };
    host.log.error(fields, "a request met a fault of our own");
  }
  const { httpStatus } = problemOf(view.code);
  if (httpStatus === 401) reply.header("www-authenticate", "Bearer");
  return reply
    .status(httpStatus)
    .header("umbrad-api", API_VERSION)
    .header("cache-control", "no-store")
    .type(PROBLEM_TYPE)
    .send(JSON.stringify({ ...view, requestId: request.id }));
}

/** The next step of who has sent what no route takes. */
export const REQUEST_SHAPES = "docs/openapi.json has the shape of every request";

/** Errors of Fastify in our words. */
const fastifyErrors: ReadonlyMap<string, () => UmbradError> = new Map([
  ["FST_ERR_BAD_URL", badUrl],
  [
    "FST_ERR_MAX_PARAM_LENGTH",
    () => new UmbradError("request/invalid", "a part of the path is too long", { hint: REQUEST_SHAPES }),
  ],
  [
    "FST_ERR_CTP_BODY_TOO_LARGE",
    () =>
      new UmbradError("request/too-large", `a request may have ${BODY_BYTES_MAX} bytes`, {
        hint: "send less at once; a long text goes as a file",
      }),
  ],
  [
    "FST_ERR_CTP_INVALID_MEDIA_TYPE",
    () =>
      new UmbradError("request/media-type", "this route does not take a body of that type", {
        hint: "say what it is: content-type: application/json, or application/octet-stream for the bytes of a file",
      }),
  ],
]);

function asUmbradError(error: FastifyError): UmbradError | undefined {
  if (error instanceof UmbradError) return error;
  const known = fastifyErrors.get(error.code);
  if (known !== undefined) return known();
  const isCallersFault = error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500;
  return isCallersFault
    ? new UmbradError("request/invalid", "the request is not valid HTTP with a JSON body", { hint: REQUEST_SHAPES })
    : undefined;
}
