package eventsource

import (
	"fmt"
	"time"
)

// A Trial is the machine of one batch, for tests that have no goroutines.
type Trial struct{ t *trial }

// NewTrial returns one of a batch that waits a second before its first retry,
// and a minute at most.
func NewTrial(retries int, bisect bool, age time.Duration, arrived []time.Time) Trial {
	return Trial{newTrial(&rules{retries: retries, bisect: bisect, age: age, backoff: time.Second, longest: time.Minute}, arrived)}
}

// NewFinalTrial returns one of a window's final invocation.
func NewFinalTrial(retries int, age time.Duration, end time.Time) Trial {
	return Trial{newFinalTrial(&rules{retries: retries, age: age, backoff: time.Second, longest: time.Minute}, end)}
}

// Next says what is to be done, and until when if that is to wait.
func (t Trial) Next(now time.Time) (text string, until time.Time) {
	switch s := t.t.next(now); s.kind {
	case invoke:
		return fmt.Sprintf("invoke %d-%d", s.from, s.to), until
	case report:
		return fmt.Sprintf("report %d-%d attempts=%d threw=%t aged=%t", s.from, s.to, s.attempts, s.threw, s.aged), until
	case pause:
		return "pause", s.at
	}
	return "finish", until
}

// Answer takes in what came of what was done: "ok", "throw", "fail", "partial N",
// "refuse", "delivered" or "lost".
func (t Trial) Answer(now time.Time, answer string) {
	var at int
	if _, err := fmt.Sscanf(answer, "partial %d", &at); err == nil {
		t.t.result(now, outcome{kind: partial, at: at})
		return
	}
	switch answer {
	case "ok":
		t.t.result(now, outcome{kind: succeeded})
	case "throw":
		t.t.result(now, outcome{kind: failed, threw: true})
	case "fail":
		t.t.result(now, outcome{kind: failed})
	case "refuse":
		t.t.result(now, outcome{kind: refused})
	default:
		t.t.reported(now, answer == "delivered")
	}
}

// Finished returns how many records are finished.
func (t Trial) Finished() int { return t.t.finished() }

// Key tells two states apart, but for how long they wait.
func (t Trial) Key() string {
	key := ""
	for _, p := range t.t.work {
		key += fmt.Sprintf("[%d-%d %d %t %t]", p.from, p.to, p.attempts, p.given, p.threw)
	}
	return key
}

// Clone returns a copy.
func (t Trial) Clone() Trial {
	c := *t.t
	c.work = append([]piece(nil), c.work...)
	return Trial{&c}
}
