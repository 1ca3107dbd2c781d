package eventsource

import "time"

// Rules say what becomes of a batch that fails.
type rules struct {
	retries int           // how often a batch is tried again; negative is without end
	age     time.Duration // older records are given up; zero is never
	bisect  bool
	backoff time.Duration // before the first retry; each further one waits twice as long
	longest time.Duration // of these waits
}

// rulesOf returns the rules of settings that have their defaults.
func rulesOf(s Settings, backoff, longest time.Duration) rules {
	r := rules{retries: *s.MaximumRetryAttempts, bisect: s.BisectBatchOnFunctionError, backoff: backoff, longest: longest}
	if s.MaximumRecordAgeInSeconds > 0 {
		r.age = time.Duration(s.MaximumRecordAgeInSeconds) * time.Second
	}
	return r
}

// wait returns how long to wait after so many failures before this one.
func (r *rules) wait(failed int) time.Duration {
	if failed < 40 && r.backoff < r.longest>>failed {
		return r.backoff << failed
	}
	return r.longest
}

// A piece is records of a batch that are tried together.
type piece struct {
	from, to int
	attempts int       // invocations that failed
	refused  int       // how often in a row it was not begun
	due      time.Time // it is not tried before
	unheard  int       // how often in a row its report was not delivered
	again    time.Time // it is not reported before
	givenUp  bool      // it is to be reported
	threw    bool      // the last invocation failed by an error
}

// A trial is the way of one batch to its end: what is to be done next, and what
// becomes of it. It knows of its records only when they arrived, and does
// nothing itself.
//
// Invariant: the pieces are in order and adjoin, the first one last; what lies
// before them is finished or given up.
type trial struct {
	rules   *rules
	arrived []time.Time
	work    []piece
	// end is when the window ends whose final invocation this is, without records.
	// Zero if it is none.
	end time.Time
}

func newTrial(r *rules, arrived []time.Time) *trial {
	return &trial{rules: r, arrived: arrived, work: []piece{{to: len(arrived)}}}
}

// newFinalTrial returns the trial of a final invocation. What is left of its
// age is counted from the window's end on.
func newFinalTrial(r *rules, end time.Time) *trial {
	return &trial{rules: r, work: []piece{{}}, end: end}
}

// A step is what is to be done next.
type step struct {
	kind     stepKind
	from, to int       // records of the batch
	at       time.Time // pause: until then at the latest

	// Of a report: how often the records were given to the function, whether an
	// error of it was the last that was heard of them, and whether they are given
	// up because they are too old.
	attempts    int
	threw, aged bool
}

type stepKind int

const (
	finish stepKind = iota // nothing is left
	invoke                 // the function with the records; then result is called
	report                 // that the records are given up; then reported is called
	pause
)

// next returns what is to be done. It may be asked again.
func (t *trial) next(now time.Time) step {
	if len(t.work) == 0 {
		return step{kind: finish}
	}
	p := t.current()
	tooOldAt, ages := t.tooOldAt(p)
	old := ages && !now.Before(tooOldAt)
	switch {
	case (p.givenUp || old) && now.Before(p.again):
		return step{kind: pause, at: p.again}
	case p.givenUp:
		return step{kind: report, from: p.from, to: p.to, attempts: p.attempts, threw: p.threw}
	case old:
		return step{kind: report, from: p.from, to: min(p.from+1, p.to), attempts: max(1, p.attempts), threw: p.threw, aged: true}
	}
	if now.Before(p.due) {
		at := p.due
		if ages && tooOldAt.Before(at) {
			at = tooOldAt
		}
		return step{kind: pause, at: at}
	}
	return step{kind: invoke, from: p.from, to: p.to, attempts: p.attempts}
}

func (t *trial) current() *piece { return &t.work[len(t.work)-1] }

func (t *trial) drop() { t.work = t.work[:len(t.work)-1] }

// tooOldAt returns when the first record of a piece is too old, if it ever is.
// Arrivals have whole milliseconds.
func (t *trial) tooOldAt(p *piece) (at time.Time, ages bool) {
	if t.rules.age == 0 {
		return time.Time{}, false
	}
	at = t.end
	if p.from < p.to {
		at = t.arrived[p.from]
	}
	return at.Add(t.rules.age + time.Millisecond), true
}

// An outcome is what came of an invocation.
type outcome struct {
	kind  outcomeKind
	at    int  // partial: the first record that failed, of those that were given
	threw bool // failed: by an error of the function
}

type outcomeKind int

const (
	succeeded outcomeKind = iota
	failed                // all of it
	partial               // from a record on
	refused               // the function was not begun
)

// result takes in what came of the invocation that next returned.
func (t *trial) result(now time.Time, o outcome) {
	p := t.current()
	if o.kind == refused {
		p.due = now.Add(t.rules.wait(p.refused))
		p.refused++
		return
	}
	p.refused = 0
	switch {
	case o.kind == succeeded:
		t.drop()
	case o.kind == partial && o.at > 0:
		// There was progress: the rest is a batch of its own.
		p.from += o.at
		p.attempts, p.threw, p.due = 0, false, now.Add(t.rules.wait(0))
	default:
		t.failed(p, now, o)
	}
}

func (t *trial) failed(p *piece, now time.Time, o outcome) {
	p.attempts++
	p.threw = o.threw
	n := p.to - p.from
	switch {
	case t.rules.retries >= 0 && p.attempts > t.rules.retries:
		p.givenUp = true
	case t.rules.bisect && n > 1:
		// The halves are batches of their own, and the first is tried at once.
		from, half, to := p.from, p.from+(n+1)/2, p.to
		*p = piece{from: half, to: to}
		t.work = append(t.work, piece{from: from, to: half})
	default:
		p.due = now.Add(t.rules.wait(p.attempts - 1))
	}
}

// reported takes in whether the report that next returned was delivered. What
// was not is tried again, and nothing advances.
func (t *trial) reported(now time.Time, delivered bool) {
	p := t.current()
	if !delivered {
		p.again = now.Add(t.rules.wait(p.unheard))
		p.unheard++
		return
	}
	p.unheard = 0
	if !p.givenUp && p.from+1 < p.to { // it was too old; the rest goes on
		p.from++
		return
	}
	t.drop()
}

// finished returns how many records of the batch, from the first on, are
// finished or given up.
func (t *trial) finished() int {
	if len(t.work) == 0 {
		return len(t.arrived)
	}
	return t.current().from
}
