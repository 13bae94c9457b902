/** The next step after an error that does not bring its own, by its code or its area: no error leaves anybody stuck. */

const hints: Readonly<Record<string, string>> = {
  "conversation/unknown": "umbrad conversation list",
  "contact/unknown": "umbrad contact list",
  "contact/no-request": "umbrad contact requests",
  "invite/unknown": "umbrad invite list",
  "invite/malformed": "copy the whole link again, in one piece, or ask for a new one",
  "invite/unsupported": "ask for a link of this umbrad, or use a newer umbrad",
  "invite/expired": "ask for a new link",
  "invite/own": "umbrad invite list shows who has used it",
  "invite/used": "umbrad conversation list; ask for a new link for another conversation",
  "message/unknown": "umbrad history CONVERSATION --json shows the ids",
  "message/empty": "umbrad help send",
  "message/too-large": "send it in parts, or as a file: umbrad send CONVERSATION --file FILE",
  "message/key-conflict": "give another --key, or the same text",
  "message/already-left": "umbrad message trace ID shows how far it is",
  "parked/unknown": "umbrad parked list",
  "token/unknown": "umbrad token list",
  "consumer/unknown": "umbrad event consumers list",
  conversation: "umbrad conversation list",
  contact: "umbrad contact list",
  invite: "umbrad invite list; ask for a new link",
  message: "umbrad help send",
  consumer: "umbrad event consumers list",
  token: "umbrad token list",
  parked: "umbrad parked list",
  devnet: "umbrad help devnet",
  internal: "please report it, with the output of: umbrad log tail --level debug",
};

export function hintFor(code: string, help: string): string {
  if (/^(?:cli|request)\//.test(code)) return `${help} shows what it takes`;
  return hints[code] ?? hints[code.slice(0, code.indexOf("/"))] ?? "umbrad doctor looks for what is wrong";
}
