/** `umbrad parked`: envelopes for us that a fault of ours keeps from being read. */
import type { ParkedJson, ParkedListJson } from "../../../admin/waiting/views.ts";
import { table } from "../../output.ts";
import type { Session } from "../../session.ts";

export async function list({ admin, output }: Session, options: { readonly limit?: number }): Promise<void> {
  const query = options.limit === undefined ? "" : `?limit=${options.limit}`;
  const answer = await (await admin()).get<ParkedListJson>(`/v1/parked${query}`);
  const header = ["ID", "CONVERSATION", "ERROR", "ATTEMPTS", "BYTES", "PARKED", "NEXT"];
  output.answer(answer, answer.parked.length === 0 ? "" : table(header, answer.parked.map(cells)));
  if (answer.parked.length === 0) output.note("No envelope is parked.");
  else if (answer.total > answer.parked.length)
    output.note(`${answer.parked.length} of ${answer.total} are shown; --limit shows more`);
}

function cells({ id, conversation, errorCode, attempts, bytes, parkedAt, nextAt }: ParkedJson): string[] {
  return [String(id), conversation, errorCode, String(attempts), String(bytes), parkedAt, nextAt];
}

export async function retry({ admin, output }: Session, id: number | undefined): Promise<void> {
  const path = id === undefined ? "/v1/parked/retry" : `/v1/parked/${id}/retry`;
  const answer = await (await admin()).post<{ retried: number }>(path);
  output.answer(answer, `${answer.retried} tried again`);
}

export async function drop({ admin, output }: Session, id: number): Promise<void> {
  const answer = await (await admin()).delete<{ dropped: number }>(`/v1/parked/${id}`);
  output.answer(answer, `${answer.dropped} dropped`);
}
