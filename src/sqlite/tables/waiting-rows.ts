/** The Store port's rows that wait: for the network, for a time, for another try. Each method is a query or one transaction. */
import type {
  CommitReceipt,
  ConversationNumber,
  LookOutcome,
  MessageRow,
  OutboxRow,
  ParkedRow,
  PublicationRow,
  Published,
  SpentRows,
  TimerChoice,
  TimerRow,
} from "../../engine/ports.ts";
import { type Tables, writeLooked, writePublished } from "../commit.ts";

/** Part of `SqliteStore`, which has the connection. */
export abstract class WaitingRows {
  protected abstract readonly tables: Tables;
  /** In a transaction of its own. */
  protected abstract write<Result>(body: () => Result): Result;

  outboxDue(nowMs: number, limit: number, except: ReadonlySet<number> = new Set()): OutboxRow[] {
    return this.tables.outbox.due(nowMs, limit, except);
  }

  outboxNextDueMs(): number | undefined {
    return this.tables.outbox.nextDueMs();
  }

  outboxCount(): number {
    return this.tables.outbox.count();
  }

  outboxOldestMs(): number | undefined {
    return this.tables.outbox.oldestMs();
  }

  outboxDone(id: number, atMs: number, published?: Published): CommitReceipt {
    return this.write(() => writePublished(this.tables, id, atMs, published));
  }

  publicationsDue(nowMs: number, limit: number): PublicationRow[] {
    return this.tables.publications.due(nowMs, limit);
  }

  publicationsNextDueMs(): number | undefined {
    return this.tables.publications.nextDueMs();
  }

  looked(outcome: LookOutcome, atMs: number): CommitReceipt {
    return this.write(() => writeLooked(this.tables, outcome, atMs));
  }

  outboxRetry(id: number, dueAtMs: number): void {
    this.write(() => this.tables.outbox.retry(id, dueAtMs));
  }

  outboxHasten(id: number, dueAtMs: number): void {
    this.write(() => this.tables.outbox.hasten(id, dueAtMs));
  }

  outboxList(limit: number, conversation?: ConversationNumber): OutboxRow[] {
    return this.tables.outbox.list(limit, conversation);
  }

  queuedMessages(limit: number): MessageRow[] {
    return this.tables.messages.queued(limit);
  }

  timersDue(nowMs: number, limit: number, which: TimerChoice = "any"): TimerRow[] {
    return this.tables.conversations.timersDue(nowMs, limit, which);
  }

  timersNextDueMs(which: TimerChoice = "any"): number | undefined {
    return this.tables.conversations.timersNextDueMs(which);
  }

  quota(): SpentRows {
    return this.tables.quota.read();
  }

  parkAll(rows: readonly Omit<ParkedRow, "id" | "attempts">[]): readonly boolean[] {
    return this.write(() => rows.map((row) => this.tables.intake.park(row)));
  }

  park(row: Omit<ParkedRow, "id" | "attempts">): boolean {
    return this.write(() => this.tables.intake.park(row));
  }

  parkedDue(nowMs: number, limit: number): ParkedRow[] {
    return this.tables.intake.parkedDue(nowMs, limit);
  }

  parkedRetryLater(id: number, dueAtMs: number, errorCode: string): void {
    this.write(() => this.tables.intake.parkedRetryLater(id, dueAtMs, errorCode));
  }

  parkedDrop(id: number): void {
    this.write(() => this.tables.intake.parkedDrop(id));
  }

  parkedHasten(id: number, dueAtMs: number): boolean {
    return this.write(() => this.tables.intake.parkedHasten(id, dueAtMs));
  }

  parkedList(limit: number): ParkedRow[] {
    return this.tables.intake.parkedList(limit);
  }

  parkedCount(): number {
    return this.tables.intake.parkedCount();
  }

  parkedNextDueMs(): number | undefined {
    return this.tables.intake.parkedNextDueMs();
  }
}
