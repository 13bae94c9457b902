/** The database as a file. Paths are the daemon's: both are on one machine, so only its owner may name one. */
import { z } from "zod";
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

/** Over the unix socket and nothing else: only its owner may call it. */
export const rekey = endpoint({
  id: "rekey",
  summary: "Seal the state with another passphrase, while the daemon runs",
  body: schema.rekeyBody,
  answer: z.strictObject({ rekeyed: z.literal(true) }),
  async handle({ engine, host, body: { passphrase, newPassphrase } }) {
    // Refused while it starts or stops.
    void engine;
    await host.rekey(Buffer.from(passphrase, "base64"), Buffer.from(newPassphrase, "base64"));
    return { rekeyed: true } as const;
  },
});
