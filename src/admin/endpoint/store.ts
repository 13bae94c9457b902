/** The database as a file. Paths are the daemon's: both are on one machine, so only its owner may name one. */
import * as answers from "../api/answers.ts";
import { endpoint } from "../api/endpoint.ts";
import * as schema from "../schema.ts";

export const backup = endpoint({
  id: "backUp",
  summary:
    "Copy the store into a directory of the daemon's machine; answered when the copy was restored elsewhere and checked",
  body: schema.backupBody,
  status: 201,
  answer: answers.backup,
  handle({ engine, host, body }) {
    // Refused while it starts or stops.
    void engine;
    return host.backUp(body.directory);
  },
});
