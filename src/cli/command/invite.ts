/** `umbrad invite …`. */
import type { AcceptedView, InviteJson, InviteView, PublicLinkView } from "../../admin/views.ts";
import { readStdin } from "../input.ts";
import { fieldLines, table } from "../output.ts";
import type { Session } from "../session.ts";

/** Flags of `umbrad invite create`. */
export interface CreateOptions {
  readonly uses?: number;
  readonly expires?: number;
  readonly qr?: boolean;
}

export async function create({ admin, output }: Session, options: CreateOptions): Promise<void> {
  const { uses, expires, qr = false } = options;
  const invite = await (await admin()).post<InviteView>("/v1/invites", {
    ...(uses === undefined ? {} : { uses }),
    ...(expires === undefined ? {} : { expiresInMs: expires }),
  });
  output.answer(invite, invite.link);
  if (qr && !output.json) {
    const { qrNote } = await import("../qr.ts");
    output.note(qrNote(invite.link, process.stderr.columns));
  }
  // On stderr, so that a pipe gets the link and nothing else.
  const times = invite.uses === 1 ? "once" : `${invite.uses} times`;
  output.note(`It can be used ${times}, until ${invite.expires}. The other side types: umbrad invite accept LINK`);
}

export async function publicLink({ admin, output }: Session): Promise<void> {
  const made = await (await admin()).post<PublicLinkView>("/v1/invites/public");
  output.answer(made, made.link);
  output.note(`It works until ${made.expires} at least. Who uses it appears in: umbrad contact requests`);
}

/** A link has a few hundred bytes. */
const linkBytesMax = 64 * 1024;

export async function accept({ admin, output }: Session, link: string, options: { message?: string }): Promise<void> {
  const text = link === "-" ? (await readStdin(linkBytesMax)).trim() : link;
  const { message } = options;
  const body = message === undefined ? { link: text } : { link: text, text: message };
  const accepted = await (await admin()).post<AcceptedView>("/v1/invites/accept", body);
  output.answer(accepted, accepted.conversation);
  output.note(`Say something: umbrad send ${accepted.conversation} TEXT`);
}

export async function list({ admin, output }: Session): Promise<void> {
  const answer = await (await admin()).get<{ invites: InviteJson[] }>("/v1/invites");
  const rows = answer.invites.map(({ id, state, uses, redemptions, expires }) => [
    id,
    state,
    `${redemptions.length}/${uses}`,
    expires,
  ]);
  output.answer(answer, rows.length === 0 ? "" : table(["INVITE", "STATE", "USED", "EXPIRES"], rows));
  if (rows.length === 0) output.note("There are none yet: umbrad invite create");
}

export async function show({ admin, output }: Session, id: string): Promise<void> {
  const answer = await (await admin()).get<InviteJson>(`/v1/invites/${encodeURIComponent(id)}`);
  output.answer(answer, inviteText(answer));
}

export async function revoke({ admin, output }: Session, id: string): Promise<void> {
  const answer = await (await admin()).post<InviteJson>(`/v1/invites/${encodeURIComponent(id)}/revoke`);
  output.answer(answer, inviteText(answer));
}

function inviteText({ id, state, uses, created, expires, redemptions, link }: InviteJson): string {
  return fieldLines([
    ["invite", id],
    ["state", state],
    ["used", `${redemptions.length} of ${uses}`],
    ["created", created],
    ["expires", expires],
    ...(link === undefined ? [] : ([["link", link]] as const)),
    ...redemptions.map(({ peer, at }) => ["by", `${peer} at ${at}`] as const),
  ]);
}
