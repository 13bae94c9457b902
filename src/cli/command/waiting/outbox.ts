/** `umbrad outbox`: what has not left, and what to do about it. */
import type { FateJson, OutboxJson, WaitingJson } from "../../../admin/waiting/views.ts";
import { table } from "../../output.ts";
import type { Session } from "../../session.ts";

export async function list({ admin, output }: Session, options: { readonly limit?: number }): Promise<void> {
  const query = options.limit === undefined ? "" : `?limit=${options.limit}`;
  const answer = await (await admin()).get<OutboxJson>(`/v1/outbox${query}`);
  const header = ["MESSAGE", "CONVERSATION", "PURPOSE", "QUEUED", "NEXT", "ATTEMPTS", "WHY"];
  output.answer(answer, answer.waiting.length === 0 ? "" : table(header, answer.waiting.map(cells)));
  if (answer.waiting.length === 0) output.note("Nothing waits to leave.");
  else if (answer.total > answer.waiting.length)
    output.note(`${answer.waiting.length} of ${answer.total} are shown; --limit shows more`);
}

function cells({ messageId, conversation, purpose, queuedAt, nextAt, attempts, reason }: WaitingJson): string[] {
  return [messageId ?? "-", conversation, purpose, queuedAt, nextAt ?? "-", String(attempts), reason ?? "-"];
}

export async function retry({ admin, output }: Session, id: string): Promise<void> {
  const fate = await (await admin()).post<FateJson>(`/v1/outbox/${encodeURIComponent(id)}/retry`);
  output.answer(fate, `${fate.messageId} ${fate.state}`);
}

export async function cancel({ admin, output }: Session, id: string): Promise<void> {
  const fate = await (await admin()).post<FateJson>(`/v1/outbox/${encodeURIComponent(id)}/cancel`);
  output.answer(fate, `${fate.messageId} cancelled`);
}
