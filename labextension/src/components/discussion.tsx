import { useState } from "preact/hooks";
import type { Approval, AskAct, Question, Vote } from "../schema";
import { useAction, useUnique } from "./hooks";
import { asked, names, same, standing, tally } from "./reviews";
import { may, type Viewer } from "./rights";
import { Alert } from "./text_views";
import { oneLine, printable } from "./untrusted";
import { ago, moment, time } from "./words";

export type Act = AskAct["act"];
export type OnAct = (approval: Approval, act: Act) => Promise<unknown>;

interface DiscussionProps {
  approval: Approval;
  now: () => number;
  viewer?: Viewer | undefined;
  /** Hands over, asks or answers; without it the card only shows. */
  onAct?: OnAct | undefined;
}

/** What several people have said so far: votes, hand-overs, questions with their answers; and what may be done. */
export function Discussion({ approval, now, viewer, onAct }: DiscussionProps) {
  const open = approval.status === "open";
  const answers = may(viewer, "write questions") ? onAct : undefined;
  return (
    <>
      <Facts approval={approval} now={now} />
      {approval.votes.length > 0 && (
        <ul class="jwl-votes" aria-label="Votes">
          {approval.votes.slice(-20).map(vote => (
            <VoteLine key={`${vote.by}/${vote.version}`} vote={vote} version={approval.version} />
          ))}
        </ul>
      )}
      {approval.questions.length > 0 && (
        <ol class="jwl-thread" aria-label="Questions to the author">
          {approval.questions.slice(-20).map(question => (
            <Asked
              key={question.number}
              approval={approval}
              question={question}
              reviewer={viewer?.reviewer ?? ""}
              onAct={answers}
            />
          ))}
        </ol>
      )}
      {open && onAct && may(viewer, "write approvals") && <More approval={approval} onAct={onAct} />}
    </>
  );
}

function Facts({ approval, now }: { approval: Approval; now: () => number }) {
  const facts = [tally(approval)];
  if (approval.version > 1) facts.push(`version ${approval.version}: votes for the one before lapsed`);
  if (approval.four_eyes) facts.push(`four eyes: ${oneLine(approval.starter, 80)} started it and may not approve`);
  for (const each of approval.delegations.slice(-5)) {
    const why = each.comment ? `: “${oneLine(each.comment, 100)}”` : "";
    facts.push(`${oneLine(each.by, 80)} handed it over to ${oneLine(each.to, 80)}${why}`);
  }
  for (const step of approval.escalations) {
    if (step.done) facts.push(`went to ${names(step.to, "and")} as well`);
    else if (approval.status === "open") facts.push(`goes to ${names(step.to, "and")} ${ago(time(step.at), now())}`);
  }
  const last = approval.reminded_at.at(-1);
  if (last) facts.push(`reminded ${approval.reminded_at.length} ×, last ${ago(time(last), now())}`);
  const shown = facts.filter(Boolean);
  if (!shown.length) return null;
  return (
    <ul class="jwl-reviewing jwl-muted" aria-label="Who decides">
      {shown.map(fact => (
        <li key={fact}>{fact}</li>
      ))}
    </ul>
  );
}

function VoteLine({ vote, version }: { vote: Vote; version: number }) {
  const lapsed = vote.version !== version;
  return (
    <li class={lapsed ? "jwl-muted" : ""}>
      {vote.verdict === "approve" ? "✓" : "✗"} <b class="jwl-any">{oneLine(vote.by, 80)}</b>{" "}
      {vote.verdict === "approve" ? "approved" : "rejected"}
      {version > 1 && ` version ${vote.version}`}
      {lapsed && ", lapsed"} <span class="jwl-muted">{moment(time(vote.at))}</span>
      {vote.comment && (
        <blockquote class="jwl-said" dir="auto">
          {printable(vote.comment, 2_000)}
        </blockquote>
      )}
    </li>
  );
}

interface AskedProps {
  approval: Approval;
  question: Question;
  reviewer: string;
  onAct?: OnAct | undefined;
}

function Asked({ approval, question, reviewer, onAct }: AskedProps) {
  const mine = !approval.starter || same(approval.starter, reviewer);
  return (
    <li>
      <span class="jwl-muted">
        <b class="jwl-any">{oneLine(question.by, 80)}</b> asks
      </span>
      <div class="jwl-said" dir="auto">
        {printable(question.text, 4_000)}
      </div>
      {question.answer !== null ? (
        <blockquote class="jwl-said" dir="auto">
          <span class="jwl-muted">{oneLine(question.answered_by, 80)}: </span>
          {printable(question.answer, 4_000)}
        </blockquote>
      ) : approval.status === "open" && onAct && mine ? (
        <SayForm
          label="Answer"
          button="Send answer"
          act={text => onAct(approval, { type: "answer", question: question.number, text })}
        />
      ) : (
        <span class="jwl-muted">waits for an answer</span>
      )}
    </li>
  );
}

function More({ approval, onAct }: { approval: Approval; onAct: OnAct }) {
  const voted = standing(approval).length > 0;
  return (
    <details class="jwl-more">
      <summary>{asked(approval).length ? "Ask the author, or hand it over" : "Ask the author"}</summary>
      <div class="jwl-form">
        <SayForm
          label="Question to the author"
          button="Ask"
          help="Decides nothing, and the clock runs on."
          act={text => onAct(approval, { type: "question", text })}
        />
        {asked(approval).length > 0 && (
          <SayForm
            label="Who is to decide instead"
            button="Hand over"
            help={voted ? "Who has voted can't hand over any more." : ""}
            act={to => onAct(approval, { type: "delegation", to, comment: null })}
          />
        )}
      </div>
    </details>
  );
}

interface SayFormProps {
  label: string;
  button: string;
  help?: string;
  act: (text: string) => Promise<unknown>;
}

/** One text and a button; what was typed stays where it was refused. */
function SayForm({ label, button, help, act }: SayFormProps) {
  const id = useUnique("say");
  const [text, setText] = useState("");
  const [doing, run] = useAction();
  const send = () => {
    if (doing.busy || !text.trim()) return;
    void run(async () => {
      await act(text.trim());
      setText("");
    });
  };
  return (
    <div class="jwl-field">
      <label for={id}>{label}</label>
      <textarea
        id={id}
        rows={1}
        value={text}
        maxLength={4_000}
        disabled={doing.busy}
        aria-describedby={help ? `${id}-help` : undefined}
        onInput={event => setText(event.currentTarget.value)}
        dir="auto"
      />
      {help && (
        <div id={`${id}-help`} class="jwl-help">
          {help}
        </div>
      )}
      <div class="jwl-row">
        <button type="button" aria-disabled={doing.busy || !text.trim()} onClick={send}>
          {doing.busy ? "sending…" : button}
        </button>
      </div>
      <Alert message={doing.error} />
    </div>
  );
}
