/* Generated from jupyter_workflows/schema.py: `npm run schema`. Do not edit.
 * A value of type `unknown` came from a workflow and is hostile wherever it is shown. */

/**
 * The answer to one request.
 */
export interface Answer {
  type: "answer";
  request: number;
  /**
   * Why it was refused, as a sentence
   */
  error: string | null;
  details: StepDetails | null;
  approval: ShownApproval | null;
  /**
   * The run that was started or opened
   */
  topic: string | null;
  /**
   * The runs that were asked for
   */
  runs: Run[];
  /**
   * What resuming or forking would do, as text
   */
  plan: string | null;
  comparison: ShownComparison | null;
}
/**
 * A step in full; its values as bounded text.
 */
export interface StepDetails {
  step: Step;
  input: ShownValue | null;
  output: ShownValue | null;
  heartbeat: ShownValue | null;
}
/**
 * One activity, approval, timer or child run in a run.
 */
export interface Step {
  /**
   * Stable in the run: `<name>-<n>`
   */
  id: string;
  name: string;
  kind: "activity" | "approval" | "timer" | "child" | "signal";
  status: "scheduled" | "running" | "retrying" | "waiting" | "completed" | "failed" | "timed_out" | "cancelled";
  attempts: Attempt[];
  scheduled_at: string;
  started_at: string | null;
  finished_at: string | null;
  /**
   * When a timer fires, an approval ends or a retry starts
   */
  due_at: string | null;
  input: unknown;
  output: unknown;
  failure: Failure | null;
  /**
   * What the step last reported
   */
  heartbeat: unknown;
  summary: string | null;
  /**
   * Where the step's function is defined
   */
  location: CellLocation | null;
  approval: Approval | null;
  /**
   * What became of its answer, where that was doubtful
   */
  checked: Checked | null;
  /**
   * What its model calls took
   */
  usage: Usage | null;
  /**
   * Where its result is from, if this execution did not do it
   */
  kept: Kept | null;
  /**
   * Workflow id of the child run
   */
  child_run: string | null;
  /**
   * What undoes the step's effect, where something can
   */
  undo: string | null;
  /**
   * Whether the step says that nothing can undo it
   */
  irreversible: boolean;
  /**
   * Id of the step whose effect this one undoes
   */
  undoes: string | null;
}
/**
 * One try of a step.
 */
export interface Attempt {
  number: number;
  status: "scheduled" | "running" | "retrying" | "waiting" | "completed" | "failed" | "timed_out" | "cancelled";
  started_at: string | null;
  finished_at: string | null;
  /**
   * Identity of the worker that ran it
   */
  worker: string | null;
  failure: Failure | null;
}
/**
 * Why a step or a run failed, outermost first; `cause` leads to the root.
 */
export interface Failure {
  /**
   * Class name of the exception
   */
  type: string;
  message: string;
  /**
   * Id of the step that failed
   */
  step: string | null;
  attempts: number | null;
  location: CellLocation | null;
  /**
   * The user's frames only, as text
   */
  traceback: string | null;
  cause: Failure | null;
}
/**
 * A place in the notebook: a cell as the user knows it, and a line of it.
 */
export interface CellLocation {
  /**
   * The notebook's own id of the cell
   */
  cell_id: string;
  /**
   * The cell's execution count, as in `In [7]`
   */
  cell_number: number | null;
  /**
   * Line in the cell, the first is 1
   */
  line: number;
  /**
   * Column in the line, the first is 1
   */
  column: number | null;
  /**
   * The text of the line
   */
  source_line: string | null;
}
/**
 * A question to a person inside a run, and its answer once there is one.
 */
export interface Approval {
  id: string;
  message: string;
  /**
   * Who was asked, where that is one person
   */
  assignee: string | null;
  opened_at: string;
  due_at: string | null;
  on_timeout: "reject" | "approve" | "raise";
  /**
   * JSON Schema of the form to fill in
   */
  form_schema: {
    [k: string]: unknown;
  } | null;
  /**
   * The value a reviewer may edit, in its newest version
   */
  editable: unknown;
  has_editable: boolean;
  /**
   * How many have to approve
   */
  quorum: number;
  /**
   * How many rejections reject it
   */
  rejections: number;
  /**
   * Whether whoever started the run may not approve
   */
  four_eyes: boolean;
  /**
   * Who started the run, as far as a signature says so
   */
  starter: string | null;
  escalations: PlannedEscalation[];
  /**
   * Counts the edits that others have to agree to
   */
  version: number;
  /**
   * Hash of what a reviewer is shown
   */
  content_hash: string;
  status: "open" | "approved" | "rejected" | "timed_out";
  /**
   * Who may decide now, where that is not just the assignee
   */
  assignees: string[] | null;
  /**
   * Why silence did not count as a yes, where `on_timeout` is "approve"
   */
  objection: string | null;
  /**
   * Where several have to agree; those for older versions lapsed
   */
  votes: Vote[];
  delegations: Handover[];
  questions: Question[];
  reminded_at: string[];
  by: string | null;
  comment: string | null;
  decided_at: string | null;
  form: {
    [k: string]: unknown;
  } | null;
  value: unknown;
  edits: Edit[];
  workflow_id: string | null;
  run_id: string | null;
  workflow: string | null;
  location: CellLocation | null;
}
/**
 * Others may decide as well once nobody has for long.
 */
export interface PlannedEscalation {
  to: string[];
  at: string;
  done: boolean;
}
/**
 * What one of several reviewers said.
 */
export interface Vote {
  by: string;
  verdict: "approve" | "reject";
  at: string;
  comment: string | null;
  form: {
    [k: string]: unknown;
  } | null;
  /**
   * The version of the value it is for
   */
  version: number;
  /**
   * What made that version out of the one before
   */
  edits: Edit[];
}
/**
 * One change a reviewer made to an editable value.
 */
export interface Edit {
  /**
   * JSON pointer (RFC 6901) of what was changed
   */
  path: string;
  before: unknown;
  after: unknown;
}
/**
 * One reviewer let another decide instead.
 */
export interface Handover {
  by: string;
  to: string;
  at: string;
  comment: string | null;
}
/**
 * What a reviewer asked the author, and the answer once there is one.
 */
export interface Question {
  number: number;
  by: string;
  at: string;
  text: string;
  version: number;
  answer: string | null;
  answered_by: string | null;
  answered_at: string | null;
}
/**
 * What became of a doubtful answer of a step.
 */
export interface Checked {
  step: string;
  doubts: Doubt[];
  /**
   * Asked again, taken as partial, let through or refused by a person, or nothing helped
   */
  outcome: "repeated" | "accepted" | "approved" | "rejected" | "failed";
  /**
   * Id of the approval that settled it
   */
  approval: string | null;
  by: string | null;
  edits: Edit[];
}
/**
 * One thing that a validator found wrong, or may be wrong, in an answer.
 */
export interface Doubt {
  /**
   * What of the answer, such as `items.2.price`; empty for all of it
   */
  field: string;
  reason: string;
  /**
   * The validator that says so
   */
  by: string;
}
/**
 * What model calls took; usages add up.
 */
export interface Usage {
  /**
   * Answers paid for
   */
  calls: number;
  input_tokens: number;
  output_tokens: number;
  /**
   * Pages of documents read
   */
  pages: number;
  /**
   * From request to last token, summed
   */
  seconds: number;
  /**
   * By the price table, in its currency; None where unknown
   */
  cost: number | null;
  /**
   * Calls of models that the price table does not name
   */
  unpriced_calls: number;
  /**
   * Whether the server did not count, and tokens are a guess
   */
  estimated: boolean;
}
/**
 * Where a step's result comes from that this execution did not work out itself.
 */
export interface Kept {
  /**
   * The earlier execution that did
   */
  run_id: string;
  /**
   * Workflow id of the run it was forked from, where that did
   */
  id: string;
  /**
   * The person who put it in the place of the recorded one
   */
  replaced_by: string;
}
/**
 * A value as text, cut where it is long.
 */
export interface ShownValue {
  text: string;
  kind: "json" | "text";
  /**
   * Whether nothing was cut
   */
  whole: boolean;
}
/**
 * An approval; without its editable value and edits where these are too large to show.
 */
export interface ShownApproval {
  approval: Approval;
  whole: boolean;
}
/**
 * One workflow execution, as a list shows it.
 */
export interface Run {
  /**
   * Temporal's workflow id
   */
  id: string;
  run_id: string;
  workflow: string;
  status: "running" | "completed" | "failed" | "cancelled" | "terminated" | "timed_out" | "continued_as_new";
  started_at: string;
  closed_at: string | null;
  /**
   * Digest of the bundle it runs on
   */
  bundle: string | null;
  notebook: string | null;
  starter: string | null;
  open_approvals: number;
  history_events: number | null;
  /**
   * What it goes on from; lists don't know it
   */
  resumed: Resumed | null;
  /**
   * What it was forked from; lists don't know it
   */
  forked: Forked | null;
}
/**
 * That an execution goes on from an earlier one.
 */
export interface Resumed {
  /**
   * The earlier execution
   */
  run_id: string;
  /**
   * The step from which things ran again
   */
  from_step: string | null;
  by: string;
  /**
   * Steps whose result or input a person replaced
   */
  replaced: string[];
}
/**
 * That a run is another branch of one there was.
 */
export interface Forked {
  /**
   * Workflow id of the run it was forked from
   */
  id: string;
  /**
   * The execution of it
   */
  run_id: string;
  /**
   * The step from which things ran again
   */
  from_step: string | null;
  by: string;
  /**
   * Arguments and constants it was given otherwise
   */
  changes: string[];
  /**
   * Steps whose result or input a person replaced
   */
  replaced: string[];
}
/**
 * Two runs side by side, in words; A began first.
 */
export interface ShownComparison {
  a: Run;
  b: Run;
  facts: ShownFact[];
  arguments: ShownDifference[];
  result: ShownDifference[];
  /**
   * Of very many the first
   */
  steps: ShownPair[];
  /**
   * How many steps are left out
   */
  more: number;
}
/**
 * What two runs took or came to.
 */
export interface ShownFact {
  name: string;
  a: string;
  b: string;
}
/**
 * Where two values differ: each line with its sign, `-`, `+`, `…` or none.
 */
export interface ShownDifference {
  place: string;
  lines: [unknown, unknown][];
}
/**
 * A step of one run and what corresponds to it in the other, in words.
 */
export interface ShownPair {
  name: string;
  verdict: string;
  differs: boolean;
  a: string;
  b: string;
  differences: ShownDifference[];
}
/**
 * The approvals of all runs that are counted.
 */
export interface ApprovalFigures {
  /**
   * The longest waiting first, at most 100
   */
  waiting: Waiting[];
  waiting_count: number;
  approved: number;
  rejected: number;
  timed_out: number;
  decision: Percentiles;
  reviewers: ReviewerFigures[];
}
/**
 * An approval that waits.
 */
export interface Waiting {
  approval: string;
  workflow_id: string;
  run_id: string;
  workflow: string;
  message: string;
  assignee: string | null;
  opened_at: string;
  due_at: string | null;
}
/**
 * From question to decision
 */
export interface Percentiles {
  count: number;
  p50: number | null;
  p90: number | null;
  p99: number | null;
  longest: number | null;
}
/**
 * What one reviewer was asked: by the assignee, or `None` for approvals of nobody in particular.
 */
export interface ReviewerFigures {
  assignee: string | null;
  waiting: number;
  oldest: string | null;
  decided: number;
  timed_out: number;
  decision: Percentiles1;
}
/**
 * From question to decision
 */
export interface Percentiles1 {
  count: number;
  p50: number | null;
  p90: number | null;
  p99: number | null;
  longest: number | null;
}
/**
 * Does something about an approval without deciding it.
 */
export interface AskAct {
  type: "act";
  request: number;
  topic: string;
  approval: string;
  workflow_id: string | null;
  run_id: string | null;
  /**
   * Of what the person was shown
   */
  content_hash: string;
  /**
   * Who does it, where a host takes a person's word for it
   */
  reviewer: string | null;
  act: unknown;
}
/**
 * Asks a run to end itself.
 */
export interface AskCancel {
  type: "cancel";
  request: number;
  topic: string;
}
/**
 * Puts another run beside the one that is shown.
 */
export interface AskCompare {
  type: "compare";
  request: number;
  topic: string;
  workflow_id: string;
  /**
   * Empty for the newest execution
   */
  run_id: string;
}
/**
 * Approves or rejects.
 */
export interface AskDecision {
  type: "decide";
  request: number;
  topic: string;
  approval: string;
  workflow_id: string | null;
  run_id: string | null;
  /**
   * Of what the reviewer was shown
   */
  content_hash: string;
  verdict: "approve" | "reject";
  /**
   * Who decides, where a host takes a person's word for it
   */
  reviewer: string | null;
  comment: string | null;
  form: {
    [k: string]: unknown;
  } | null;
  value: unknown;
  edited: boolean;
}
/**
 * Asks for a step in full.
 */
export interface AskDetails {
  type: "details";
  request: number;
  topic: string;
  step: string;
}
/**
 * Runs another branch beside a run, or asks what that would do; the answer names the new run's topic.
 */
export interface AskFork {
  type: "fork";
  request: number;
  topic: string;
  from_step: string | null;
  /**
   * Other arguments of the workflow, by name
   */
  changes: {
    [k: string]: unknown;
  };
  /**
   * Only say what would happen
   */
  plan: boolean;
}
/**
 * Asks which runs were forked from one.
 */
export interface AskForks {
  type: "forks";
  request: number;
  topic: string;
}
/**
 * Opens a run of a list.
 */
export interface AskOpen {
  type: "open";
  request: number;
  topic: string;
  workflow_id: string;
  run_id: string;
}
/**
 * Has a run go on with corrected code, or asks what that would do; the answer names the new execution's topic.
 */
export interface AskResume {
  type: "resume";
  request: number;
  topic: string;
  from_step: string | null;
  /**
   * Only say what would happen
   */
  plan: boolean;
}
/**
 * Has a run rolled back; the answer names the topic of the run that undoes it, where that is another.
 */
export interface AskRollBack {
  type: "roll_back";
  request: number;
  topic: string;
  reason: string;
}
/**
 * Starts a workflow.
 */
export interface AskStart {
  type: "start";
  request: number;
  topic: string;
  arguments: {
    [k: string]: unknown;
  };
}
/**
 * What the figures stand on.
 */
export interface Basis {
  /**
   * Runs that fit, as the server counts them
   */
  runs: number;
  /**
   * Of these, the newest that were listed
   */
  listed: number;
  /**
   * Of these, closed runs
   */
  closed: number;
  /**
   * Of these, runs whose history was looked at
   */
  histories: number;
  /**
   * Of these, histories that had to be fetched now
   */
  read: number;
  /**
   * Histories that could not be had: deleted, or too slow to come
   */
  unreadable: number;
  /**
   * How long it took
   */
  seconds: number;
}
/**
 * An activity of a bundle.
 */
export interface BundledActivity {
  name: string;
  function: string;
  signature: string;
  is_async: boolean;
  cell_id: string;
  cell_number: number | null;
  line: number;
  /**
   * The activity that undoes it
   */
  undo: string | null;
  /**
   * Whether nothing can undo it
   */
  irreversible: boolean;
}
/**
 * A workflow of a bundle, with what its card shows.
 */
export interface BundledWorkflow {
  name: string;
  function: string;
  signature: string;
  description: string | null;
  parameters_schema: {
    [k: string]: unknown;
  };
  result_schema: {
    [k: string]: unknown;
  };
  /**
   * Functions it awaits, in source order
   */
  activities: string[];
  /**
   * Bounds a run, waits for people included
   */
  timeout_seconds: number | null;
  cell_id: string;
  cell_number: number | null;
  line: number;
}
/**
 * Failures of one class in the steps of one name; the step is empty for the workflow's own code.
 */
export interface CauseFigures {
  workflow: string;
  step: string;
  /**
   * Class of the exception
   */
  error: string;
  /**
   * Failed attempts that were followed by another
   */
  retries: number;
  /**
   * Failures for good
   */
  failures: number;
  /**
   * Runs that met it
   */
  runs: number;
  /**
   * Those of them that completed
   */
  recovered: number;
  /**
   * What the newest of them said
   */
  example: string;
  /**
   * The newest run that met it
   */
  workflow_id: string;
  run_id: string;
}
/**
 * The Temporal server behind the views, and the worker hosts of this machine.
 */
export interface ConnectionState {
  type: "status";
  topic: string;
  number: number;
  state: "stopped" | "starting" | "connected" | "lost" | "failed";
  /**
   * Whether it is the embedded server; else it was configured
   */
  embedded: boolean;
  /**
   * Whether the embedded server may be started from here
   */
  can_start: boolean;
  address: string | null;
  namespace: string | null;
  server_version: string | null;
  /**
   * Where the embedded runtime keeps its files
   */
  home: string | null;
  /**
   * What a start is doing
   */
  progress: string;
  workers: WorkerState[];
  /**
   * What is wrong, and what to do about it
   */
  problems: string[];
  /**
   * What the file of workspaces calls the namespace
   */
  workspace: string | null;
  /**
   * What its runs may take of models, and took
   */
  budgets: WorkspaceBudget[];
  /**
   * Who decides here
   */
  reviewer: string;
  /**
   * The groups of that person
   */
  groups: string[];
  /**
   * Their rights, such as `write approvals`; None for all
   */
  may: string[] | null;
}
/**
 * One worker host as a view shows it.
 */
export interface WorkerState {
  /**
   * The same for every kernel of one notebook and interpreter
   */
  key: string;
  notebook: string | null;
  cwd: string;
  python: string;
  /**
   * None while it is being started again
   */
  pid: number | null;
  /**
   * Names of the bundles it serves
   */
  bundles: string[];
  /**
   * None where the host did not answer in time
   */
  open_runs: number | null;
  /**
   * How many kernels hold it
   */
  leases: number;
  restarts: number;
  health: "up" | "starting" | "failing";
  /**
   * What it died of last, until it is ready again
   */
  error: string | null;
}
/**
 * What a workspace allows in a period, and what is used of it.
 */
export interface WorkspaceBudget {
  period: "run" | "day" | "month";
  /**
   * None for any number
   */
  tokens: number | null;
  /**
   * In the currency of the workspace's prices; None for any
   */
  cost: number | null;
  /**
   * In this day or month (UTC) so far; None for that of a run
   */
  used: Spent | null;
}
/**
 * What was spent on models; adds up, and is never less than nothing, whoever wrote it.
 */
export interface Spent {
  /**
   * Of prompts and answers
   */
  tokens: number;
  /**
   * By the price table
   */
  cost: number;
}
/**
 * How runs do: what a dashboard shows.
 */
export interface Dashboard {
  at: string;
  wanted: DashboardFilter;
  /**
   * What failed, did it recover, what was slow, who waits
   */
  headlines: Headline[];
  counts: {
    [k: string]: number;
  };
  period_seconds: number;
  periods: Period[];
  workflows: WorkflowFigures[];
  steps: StepFigures[];
  spent: TimeSpent[];
  causes: CauseFigures[];
  approvals: ApprovalFigures;
  recovery: Recovery;
  basis: Basis;
  /**
   * For the choice of one
   */
  known_workflows: string[];
}
/**
 * Which runs a dashboard is about; a run fits when it has everything that is given.
 */
export interface DashboardFilter {
  workflow: string | null;
  status: ("running" | "completed" | "failed" | "cancelled" | "terminated" | "timed_out" | "continued_as_new")[] | null;
  notebook: string | null;
  /**
   * Started then or later
   */
  since: string | null;
  /**
   * Started not longer ago; `since` wins
   */
  since_seconds: number | null;
}
/**
 * One sentence on how runs do, for those who look for ten seconds.
 */
export interface Headline {
  about: "failed" | "recovery" | "slow" | "waiting";
  tone: "good" | "bad" | "waiting" | "plain";
  text: string;
}
/**
 * The runs that started in one period.
 */
export interface Period {
  start: string;
  counts: {
    [k: string]: number;
  };
  /**
   * Closed runs that met a failure
   */
  met_failure: number;
  /**
   * Those of them that completed
   */
  recovered: number;
}
/**
 * The runs of one workflow.
 */
export interface WorkflowFigures {
  name: string;
  counts: {
    [k: string]: number;
  };
  duration: Percentiles2;
  met_failure: number;
  recovered: number;
}
/**
 * Of closed runs, from start to end
 */
export interface Percentiles2 {
  count: number;
  p50: number | null;
  p90: number | null;
  p99: number | null;
  longest: number | null;
}
/**
 * The steps of one name in one workflow.
 */
export interface StepFigures {
  workflow: string;
  name: string;
  kind: "activity" | "approval" | "timer" | "child" | "signal";
  count: number;
  failed: number;
  /**
   * Attempts after the first
   */
  retried: number;
  queue: Percentiles3;
  duration: Percentiles4;
}
/**
 * From scheduled to taken by a worker; first attempts
 */
export interface Percentiles3 {
  count: number;
  p50: number | null;
  p90: number | null;
  p99: number | null;
  longest: number | null;
}
/**
 * Of the last attempt; of an approval from question to answer
 */
export interface Percentiles4 {
  count: number;
  p50: number | null;
  p90: number | null;
  p99: number | null;
  longest: number | null;
}
/**
 * Where the time of closed runs went; seconds by place add up to their durations.
 */
export interface TimeSpent {
  workflow: string;
  seconds: {
    [k: string]: number;
  };
}
/**
 * Runs that met a failure, and those of them that completed.
 */
export interface Recovery {
  met_failure: number;
  recovered: number;
  /**
   * 0 to 1; None where no run met a failure
   */
  rate: number | null;
  /**
   * 95 % interval where only a sample of histories was read
   */
  low: number | null;
  high: number | null;
  target: number;
}
/**
 * How runs do.
 */
export interface DashboardState {
  type: "dashboard";
  topic: string;
  number: number;
  dashboard: Dashboard;
}
/**
 */
export interface Decision {
  [k: string]: unknown;
}
/**
 * Lets another person decide instead.
 */
export interface Delegation {
  type: "delegation";
  to: string;
  comment: string | null;
}
/**
 * One reason why a workflow can't be bundled, or will not do what it seems to.
 */
export interface Diagnostic {
  /**
   * `JW...`, documented in the reference
   */
  code: string;
  severity: "error" | "warning";
  /**
   * What is wrong, with the name or value
   */
  message: string;
  /**
   * What to do about it
   */
  remedy: string;
  location: CellLocation | null;
}
/**
 * What one step of a run did to the world, and what became of that.
 */
export interface Effect {
  step: string;
  name: string;
  /**
   * Done and can be undone, being undone, undone, an undo has failed, left by a person, can't be undone, or nobody knows whether it came to pass
   */
  status: "done" | "undoing" | "undone" | "stuck" | "kept" | "irreversible" | "uncertain";
  /**
   * What undoes it
   */
  undo: string | null;
  /**
   * Id of the step that undoes or undid it
   */
  undone_by: string | null;
  /**
   * Workflow id of the run that does, where it is another
   */
  undone_in: string | null;
}
/**
 * Asks for a snapshot, unless the view is up to date.
 */
export interface Follow {
  type: "follow";
  topic: string;
  /**
   * Number of the last message seen
   */
  have: number;
}
/**
 * The approvals that wait.
 */
export interface InboxState {
  type: "inbox";
  topic: string;
  number: number;
  approvals: ShownApproval[];
  /**
   * Who decides here
   */
  reviewer: string;
  /**
   * The groups of that person
   */
  groups: string[];
  /**
   * Their rights, such as `write approvals`; None for all
   */
  may: string[] | null;
}
/**
 * A decision or another act that an earlier execution of a run had accepted: the payload of the update `keep`.
 *
 * The times are those of the approval then: with them the same question has the hash that the person signed.
 */
export interface KeptAct {
  act: Decision | (SignedDelegation | SignedQuestion | SignedAnswer);
  opened_at: string;
  due_at: string | null;
}
/**
 */
export interface SignedDelegation {
  [k: string]: unknown;
}
/**
 */
export interface SignedQuestion {
  [k: string]: unknown;
}
/**
 */
export interface SignedAnswer {
  [k: string]: unknown;
}
/**
 * `manifest.json` of a bundle.
 */
export interface Manifest {
  format: 1;
  /**
   * SHA-256 over what can change behaviour; names the bundle
   */
  digest: string;
  /**
   * SHA-256 over the syntax tree: comments and layout do not count
   */
  behaviour_digest: string;
  package: string;
  python: string;
  workflows: BundledWorkflow[];
  activities: BundledActivity[];
  segments: Segment[];
  /**
   * Distribution name to version, of what is imported
   */
  distributions: {
    [k: string]: string;
  };
  /**
   * Notebook-local module to SHA-256 of its source
   */
  local_modules: {
    [k: string]: string;
  };
  /**
   * Captured name to SHA-256 of its pickle
   */
  captured: {
    [k: string]: string;
  };
  warnings: Diagnostic[];
}
/**
 * Which lines of a bundle's module came from which cell.
 */
export interface Segment {
  module: "models" | "activities" | "workflows";
  /**
   * The name this segment defines
   */
  name: string;
  start_line: number;
  end_line: number;
  cell_id: string;
  cell_number: number | null;
  /**
   * Line of the cell that `start_line` came from
   */
  cell_line: number;
}
/**
 * How long something took, in seconds; of so many.
 */
export interface Percentiles5 {
  count: number;
  p50: number | null;
  p90: number | null;
  p99: number | null;
  longest: number | null;
}
/**
 * The host lives; `number` is that of the topic's last message.
 */
export interface Pulse {
  type: "pulse";
  topic: string;
  number: number;
}
/**
 * Asks whoever started the run.
 */
export interface Query {
  type: "question";
  text: string;
}
/**
 * One effect as history tells it; payloads are serialised protobuf in base64.
 *
 * `undo` is there where the steps of a run ran with more than one code; without it the worker's own is meant.
 */
export interface RecordedEffect {
  step: string;
  activity: string | null;
  inputs: string[];
  output: string | null;
  key: string;
  /**
   * Workflow id and run id of a child run
   */
  child: [unknown, unknown] | null;
  undo: RecordedUndo | null;
}
/**
 * What undoes an effect by the code that a step ran with, as the worker of another code needs it.
 */
export interface RecordedUndo {
  /**
   * Its name, and that of the code where it is not the worker's own
   */
  activity: string;
  arguments: string[];
  timeout_seconds: number;
  heartbeat_seconds: number | null;
  max_attempts: number;
  initial_seconds: number;
  backoff_coefficient: number;
  max_seconds: number | null;
  /**
   * Class names of exceptions
   */
  non_retryable: string[];
  summary: string;
}
/**
 * Answers a question.
 */
export interface Reply {
  type: "answer";
  question: number;
  text: string;
}
/**
 * What a run that undoes another one starts with.
 *
 * Without a request it counts only as a child run of the run that the other one was a child of. `by` and `reason` are
 * those of older versions.
 */
export interface RollBackOrder {
  workflow_id: string;
  run_id: string;
  /**
   * How many such runs there were for it, this one included
   */
  generation: number;
  cause: "failed" | "cancelled" | "asked";
  request: SignedRollBack | null;
  by: string | null;
  reason: string;
}
/**
 * Somebody wants undone what a run did: the payload of the update `roll_back`, or part of an undo run's order.
 */
export interface SignedRollBack {
  type: "rollback";
  workflow_id: string;
  run_id: string;
  /**
   * Which of the runs that undo it this is for; 0 for the run itself
   */
  generation: number;
  /**
   * Who asks
   */
  by: string;
  reason: string;
  issued_at: string;
  expires_at: string;
  nonce: string;
  key_id: string;
  signature: string;
}
/**
 * Who asks for a rollback, unsigned: the payload of a signal in histories of older versions.
 */
export interface RollBackRequest {
  by: string;
  reason: string;
}
/**
 * That a run is being rolled back, and why; what has been undone is told by its steps.
 */
export interface Rollback {
  cause: "failed" | "cancelled" | "asked";
  /**
   * The failure, or what the one who asked says
   */
  reason: string;
  /**
   * Who asked for it
   */
  by: string | null;
  started_at: string;
  finished_at: string | null;
  /**
   * What is to be undone, in that order; of very many the first
   */
  steps: string[];
  /**
   * Steps whose effect a person left as it is
   */
  kept: string[];
  /**
   * Workflow id of the run whose steps these are; None: its own
   */
  of_run: string | null;
}
/**
 * What changed; buffers: the changed steps, their earlier attempts, their indexes.
 */
export interface RunChange {
  type: "change";
  topic: string;
  number: number;
  at: string;
  head: RunHead | null;
  /**
   * Names that are new
   */
  names: StepName[];
  /**
   * How many steps there are now
   */
  steps: number;
  ids: {
    [k: string]: string;
  };
  /**
   * Approvals that are new or were decided
   */
  approvals: ShownApproval[];
}
/**
 * A run without its steps.
 */
export interface RunHead {
  run: Run;
  /**
   * A short look at each argument
   */
  arguments: string[];
  result: ShownValue | null;
  failure: Failure | null;
  reason: string;
  stuck: Failure | null;
  /**
   * Who decides here
   */
  reviewer: string;
  /**
   * The groups of that person
   */
  groups: string[];
  /**
   * Their rights, such as `write approvals`; None for all
   */
  may: string[] | null;
  rollback: Rollback | null;
  /**
   * What its steps did to the world; of very many the first
   */
  effects: Effect[];
  /**
   * How many of them a rollback would undo
   */
  effects_left: number;
}
/**
 * A name that steps share, and where its function is defined.
 */
export interface StepName {
  name: string;
  location: CellLocation | null;
}
/**
 * A run as a whole; buffers: all steps, their earlier attempts.
 */
export interface RunSnapshot {
  type: "snapshot";
  topic: string;
  number: number;
  /**
   * The host's clock
   */
  at: string;
  head: RunHead;
  names: StepName[];
  steps: number;
  /**
   * Ids of steps that are not `<name>-<n>`, by index
   */
  ids: {
    [k: string]: string;
  };
  approvals: ShownApproval[];
}
/**
 * A list of runs.
 */
export interface RunsState {
  type: "runs";
  topic: string;
  number: number;
  runs: Run[];
}
/**
 * A schedule, what it did last and does next.
 */
export interface ScheduleState {
  id: string;
  workflow: string;
  /**
   * When it starts runs, in words
   */
  times: string[];
  /**
   * The same as it was given; lists don't know it
   */
  given: ScheduleTimes | null;
  time_zone: string;
  paused: boolean;
  note: string;
  made_by: string;
  /**
   * Lists don't know it
   */
  overlap: ("skip" | "buffer_one" | "buffer_all" | "cancel_other" | "terminate_other" | "allow_all") | null;
  /**
   * Lists don't know it
   */
  bundle: string | null;
  /**
   * Lists don't know it
   */
  task_queue: string | null;
  /**
   * Who did what to it, in order; not in lists
   */
  deeds: SignedScheduleAct[];
  /**
   * The next times, ten at most
   */
  next: string[];
  /**
   * The newest runs, the newest first
   */
  recent: ScheduledRun[];
  /**
   * How many it started; lists don't know it
   */
  runs: number | null;
  /**
   * Not made up for, because nobody was there for too long
   */
  missed: number | null;
  /**
   * Left out because the run before was not over
   */
  skipped: number | null;
}
/**
 * When a schedule starts runs, as it is given: at all times that any of the three says.
 */
export interface ScheduleTimes {
  /**
   * @maxItems 50
   */
  cron: string[];
  /**
   * From one start to the next
   */
  every_seconds: number | null;
  /**
   * @maxItems 50
   */
  calendar: string[];
}
/**
 * What somebody did to a schedule; in the memo of each run that it starts from then on.
 */
export interface SignedScheduleAct {
  type: "schedule_act";
  /**
   * Id of the schedule
   */
  schedule: string;
  workflow: string;
  deed: "make" | "renew" | "retime" | "pause" | "resume" | "trigger" | "backfill" | "delete";
  by: string;
  /**
   * Why, or what it is from then on
   */
  note: string;
  issued_at: string;
  nonce: string;
  key_id: string;
  signature: string;
}
/**
 * A run that a schedule started.
 */
export interface ScheduledRun {
  run: string;
  at: string;
}
/**
 * Who scheduled runs, signed by whoever made the schedule; in the memo of each of its runs.
 */
export interface SignedSchedule {
  type: "schedule";
  /**
   * Id of the schedule; the ids of its runs begin with it
   */
  schedule: string;
  workflow: string;
  /**
   * Names the bundle, too
   */
  task_queue: string;
  /**
   * SHA-256 of what each run is given
   */
  arguments: string;
  starter: string;
  issued_at: string;
  nonce: string;
  key_id: string;
  signature: string;
}
/**
 */
export interface SignedStart {
  [k: string]: unknown;
}
/**
 * A piece of the text that a step writes: one or more tokens of a model.
 *
 * Pieces of an attempt come in order and without a gap: each begins where the one before ended, unless the reader
 * was so slow that a part is no longer at hand. A higher `attempt` starts the text anew.
 */
export interface Token {
  /**
   * Id of the step that writes
   */
  step: string;
  attempt: number;
  /**
   * How many pieces the attempt has written by now
   */
  number: number;
  /**
   * Characters (code points) of the attempt's text before this piece
   */
  offset: number;
  text: string;
  /**
   * Whether the attempt is over
   */
  done: boolean;
}
/**
 * What steps wrote since the last message.
 */
export interface Tokens {
  type: "tokens";
  topic: string;
  number: number;
  pieces: Token[];
}
/**
 * The topic can't be followed for now, or no longer.
 */
export interface Trouble {
  type: "trouble";
  topic: string;
  number: number;
  message: string;
  final: boolean;
}
/**
 * A workflow as its card shows it.
 */
export interface WorkflowState {
  type: "workflow";
  topic: string;
  number: number;
  workflow: BundledWorkflow;
  activities: BundledActivity[];
  diagnostics: Diagnostic[];
  digest: string;
  runs: Run[];
  /**
   * The viewer's rights; None for all
   */
  may: string[] | null;
}
