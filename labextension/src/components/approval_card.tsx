import { useMemo, useState } from "preact/hooks";
import type { Approval, ShownApproval } from "../schema";
import type { Said } from "./decider";
import { DifferenceView } from "./difference_view";
import { Discussion, type OnAct } from "./discussion";
import { useAction, useNow, useUnique } from "./hooks";
import { JsonForm } from "./json_form";
import { Unparsed, fieldsOf, initialValues, jsonOf, problems } from "./json_schema";
import { askedWords, byWords, isFor } from "./reviews";
import { may, type Viewer } from "./rights";
import { Pill } from "./status";
import { Alert, Markdown, Value } from "./text_views";
import { oneLine, printable } from "./untrusted";
import { ago, count, duration, moment, time } from "./words";

interface CardProps {
  shown: ShownApproval;
  /** The host's clock. */
  now: () => number;
  /** Sends the decision; without it the card only shows. */
  onDecide?: ((approval: Approval, said: Said) => Promise<unknown>) | undefined;
  /** Hands over, asks the author or answers; without it the card only shows. */
  onAct?: OnAct | undefined;
  /** Who decides here, and what they may; without a name the host knows. */
  viewer?: Viewer | undefined;
  /** Opens the run, where the card stands outside of it. */
  onOpen?: (() => void) | undefined;
}

/** A question to a person: what is asked, until when, the form, the value to edit, and the answer. */
export function ApprovalCard({ shown, now, onDecide, onAct, onOpen, viewer }: CardProps) {
  const { approval } = shown;
  const title = useUnique("approval");
  const open = approval.status === "open";
  return (
    <section class={`jwl-approval ${open ? "jwl-wait" : ""}`} aria-labelledby={title}>
      <header class="jwl-row">
        <Pill status={approval.status} words={open ? "waits for a decision" : undefined} />
        <span id={title} class="jwl-any">
          {approval.workflow && onOpen ? (
            <button type="button" class="jwl-link" onClick={onOpen}>
              {oneLine(approval.workflow, 80)}
            </button>
          ) : (
            <b>{oneLine(approval.id, 80)}</b>
          )}
          {askedWords(approval) && <span class="jwl-muted"> for {askedWords(approval)}</span>}
        </span>
        <Deadline approval={approval} now={now} />
      </header>
      <Markdown text={approval.message} />
      {!shown.whole && (
        <div class="jwl-note jwl-wait">
          What is asked about is too large to show here in full. Look at it in the notebook before you decide.
        </div>
      )}
      <Discussion approval={approval} now={now} viewer={viewer} onAct={onAct} />
      <Decision approval={approval} onDecide={onDecide} viewer={viewer ?? {}} />
    </section>
  );
}

/** How it was decided, or what there is to decide. */
function Decision({
  approval,
  onDecide,
  viewer,
}: Pick<CardProps, "onDecide"> & { approval: Approval; viewer: Viewer }) {
  if (approval.status !== "open") return <Outcome approval={approval} />;
  if (!onDecide) return null;
  if (!may(viewer, "write approvals")) return <Onlooker approval={approval} />;
  const { reviewer = "", groups = [] } = viewer;
  // Another question under the same id starts with an empty form.
  return (
    <Answer key={approval.content_hash} approval={approval} reviewer={reviewer} groups={groups} onDecide={onDecide} />
  );
}

/** What there is to see for somebody who may not decide. */
function Onlooker({ approval }: { approval: Approval }) {
  const value = { text: written(approval.editable), kind: "json" as const, whole: true };
  return (
    <>
      {approval.has_editable && <Value label="value" value={value} />}
      <div class="jwl-muted">You may see this, but not decide it.</div>
    </>
  );
}

const AFTERWARDS = {
  approve: "then it counts as approved",
  reject: "then it counts as rejected",
  raise: "then the run fails",
};

function Deadline({ approval, now }: { approval: Approval; now: () => number }) {
  useNow(1_000);
  const due = time(approval.due_at);
  if (approval.status !== "open") return <span class="jwl-right jwl-muted">{moment(time(approval.decided_at))}</span>;
  if (Number.isNaN(due)) return <span class="jwl-right jwl-muted">asked {ago(time(approval.opened_at), now())}</span>;
  return (
    <span class={`jwl-right ${due - now() < 3_600_000 ? "jwl-soon" : "jwl-muted"}`} title={moment(due)}>
      ends in {duration(Math.max(due - now(), 0))}, {AFTERWARDS[approval.on_timeout]}
    </span>
  );
}

interface AnswerProps {
  approval: Approval;
  reviewer: string;
  groups: readonly string[];
  onDecide: (approval: Approval, said: Said) => Promise<unknown>;
}

/** What a reviewer has typed so far. */
function useDraft(approval: Approval, reviewer: string) {
  const fields = useMemo(() => fieldsOf(approval.form_schema ?? {}), [approval.content_hash]);
  const [form, setForm] = useState(() => initialValues(fields));
  const [text, setText] = useState(() => written(approval.editable));
  const [comment, setComment] = useState("");
  const [as, setAs] = useState(reviewer);
  const wrong = problems(fields, form);
  const value = typeof approval.editable === "string" ? text : jsonOf(text);
  const unreadable = value instanceof Unparsed ? value.words : null;
  const edited = approval.has_editable && !unreadable && JSON.stringify(value) !== JSON.stringify(approval.editable);
  const said = (verdict: Said["verdict"]): Said => ({
    verdict,
    reviewer: as.trim() && as.trim() !== reviewer ? as.trim() : null,
    comment: comment.trim() || null,
    // A form that is not filled in does not keep anyone from saying no.
    form: fields.length && !wrong.size ? form : null,
    value: edited ? value : null,
    edited,
  });
  const problem = approval.has_editable ? unreadable : null;
  return { fields, form, setForm, text, setText, value, comment, setComment, as, setAs, wrong, problem, edited, said };
}

/** An editable value as it is typed. */
function written(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value, null, 2) ?? "");
}

function Answer({ approval, reviewer, groups, onDecide }: AnswerProps) {
  const draft = useDraft(approval, reviewer);
  const [tried, setTried] = useState(false);
  const [doing, act] = useAction();
  const { wrong } = draft;
  const decide = (verdict: Said["verdict"]) => () => {
    setTried(true);
    if (doing.busy || (verdict === "approve" && (wrong.size || draft.problem))) return;
    void act(() => onDecide(approval, draft.said(verdict)));
  };
  const forSomebodyElse = reviewer && !isFor(approval, reviewer, groups);
  return (
    <form class="jwl-answer" onSubmit={event => event.preventDefault()}>
      {draft.fields.length > 0 && (
        <JsonForm
          fields={draft.fields}
          values={draft.form}
          problems={tried ? wrong : new Map()}
          disabled={doing.busy}
          onChange={draft.setForm}
        />
      )}
      {approval.has_editable && <Editor approval={approval} draft={draft} disabled={doing.busy} />}
      <div class="jwl-form">
        <TextField label="Comment" optional value={draft.comment} disabled={doing.busy} onText={draft.setComment} />
        {forSomebodyElse && (
          <TextField label="You decide as" value={draft.as} disabled={doing.busy} onText={draft.setAs} />
        )}
      </div>
      <div class="jwl-row">
        <button type="button" class="jwl-approve" aria-disabled={doing.busy} onClick={decide("approve")}>
          {draft.edited ? "Approve with edits" : "Approve"}
        </button>
        <button type="button" class="jwl-reject" aria-disabled={doing.busy} onClick={decide("reject")}>
          Reject
        </button>
        <span class="jwl-muted" role="status">
          {doing.busy
            ? "sending…"
            : tried && wrong.size
              ? `${count(wrong.size, "field needs", "fields need")} a look`
              : ""}
        </span>
      </div>
      <Alert message={doing.error} />
    </form>
  );
}

interface TextFieldProps {
  label: string;
  optional?: boolean;
  value: string;
  disabled: boolean;
  onText: (text: string) => void;
}

function TextField({ label, optional, value, disabled, onText }: TextFieldProps) {
  const id = useUnique("text");
  return (
    <div class="jwl-field">
      <label for={id}>
        {label}
        {optional && <span class="jwl-muted"> (optional)</span>}
      </label>
      <textarea
        id={id}
        rows={1}
        value={value}
        disabled={disabled}
        onInput={e => onText(e.currentTarget.value)}
        dir="auto"
      />
    </div>
  );
}

interface EditorProps {
  approval: Approval;
  draft: ReturnType<typeof useDraft>;
  disabled: boolean;
}

/** The value a reviewer may change, as text or JSON, and what was changed so far. */
function Editor({ approval, draft, disabled }: EditorProps) {
  const id = useUnique("editor");
  return (
    <div class="jwl-field">
      <label for={id}>Value, as you approve it</label>
      <textarea
        id={id}
        class="jwl-mono"
        rows={Math.min(16, draft.text.split("\n").length + 1)}
        value={draft.text}
        disabled={disabled}
        spellcheck={typeof approval.editable === "string"}
        aria-invalid={!!draft.problem}
        aria-describedby={`${id}-diff`}
        onInput={event => draft.setText(event.currentTarget.value)}
        dir="auto"
      />
      <div id={`${id}-diff`} class="jwl-help">
        {draft.problem && <span class="jwl-wrong">The value {draft.problem}</span>}
        {draft.edited && <DifferenceView before={approval.editable} after={draft.value} />}
      </div>
    </div>
  );
}

/** Who decided, and how. */
function Outcome({ approval }: { approval: Approval }) {
  if (approval.status === "timed_out")
    return (
      <div class="jwl-muted">
        Nobody decided in time:{" "}
        {approval.objection !== null
          ? `it counts as rejected, for ${oneLine(approval.objection, 120)}`
          : AFTERWARDS[approval.on_timeout].replace("then it ", "it ")}
        .
      </div>
    );
  const fields = Object.entries(approval.form ?? {});
  return (
    <div class="jwl-outcome">
      <div>
        {approval.status} by <b class="jwl-any">{byWords(approval)}</b>
        <span class="jwl-muted"> {moment(time(approval.decided_at))}</span>
        {approval.edits.length > 0 && <span class="jwl-muted"> with {count(approval.edits.length, "edit")}</span>}
      </div>
      {approval.comment && (
        <blockquote class="jwl-said" dir="auto">
          {printable(approval.comment, 2_000)}
        </blockquote>
      )}
      {fields.length > 0 && (
        <dl class="jwl-facts">
          {fields.slice(0, 50).map(([name, value]) => (
            <div key={name}>
              <dt>{oneLine(name, 60)}</dt>
              <dd>{oneLine(typeof value === "string" ? value : JSON.stringify(value), 200)}</dd>
            </div>
          ))}
        </dl>
      )}
      {approval.edits.length > 0 && (
        <ul class="jwl-diff" aria-label="Changes">
          {approval.edits.slice(0, 50).map(edit => (
            <li key={edit.path}>
              <code>{oneLine(edit.path || "value", 120)}</code>{" "}
              <del>{oneLine(JSON.stringify(edit.before) ?? "", 200)}</del> →{" "}
              <ins>{oneLine(JSON.stringify(edit.after) ?? "", 200)}</ins>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
