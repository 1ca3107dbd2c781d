package eventsource_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/eventsource"
)

// An interpreter does what the service is known to do with a batch, word for
// word and one thing after the other, from its beginning each time. It answers
// itself from a list of what happened.
type interpreter struct {
	retries int
	bisect  bool
	answers []answer // what is to come
	old     int      // records that are too old by now

	said     string // what was done last
	position int
	queue    []*lot
}

// A lot is a batch, or a part of it that is processed like one.
type lot struct {
	records  []int
	attempts int
	threw    bool
}

// An answer is what came of what was done, and how many records are too old
// after that.
type answer struct {
	text string
	old  int
}

// interpret returns what is done after all that happened, how far the batch is,
// and what distinguishes this state from others.
func interpret(n, retries int, bisect bool, old int, answers []answer) (said string, position int, state string) {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	in := &interpreter{retries: retries, bisect: bisect, answers: answers, old: old, queue: []*lot{{records: all}}}
	for len(in.queue) > 0 && in.first() {
	}
	if len(in.queue) == 0 {
		in.said = "finish"
	}
	for _, l := range in.queue {
		state += fmt.Sprint(*l)
	}
	return in.said, in.position, state
}

// first processes the first lot by one round, and reports whether there was an
// answer to all that it did.
func (in *interpreter) first() bool {
	l := in.queue[0]
	// 1. Records that are too old are dropped one by one.
	for len(l.records) > 0 && l.records[0] < in.old {
		if !in.report(l.records[0], l.records[0]+1, max(l.attempts, 1), l.threw, true) {
			return false
		}
		in.position = l.records[0] + 1
		l.records = l.records[1:]
	}
	if len(l.records) == 0 {
		in.queue = in.queue[1:]
		return true
	}
	first, end := l.records[0], l.records[len(l.records)-1]+1
	// 2. It is given to the function.
	what, ok := in.act(fmt.Sprintf("invoke %d-%d", first, end))
	if !ok {
		return false
	}
	var at int
	fmt.Sscanf(what, "partial %d", &at)
	switch {
	case what == "refuse":
	case what == "ok": // 3.
		in.position = end
		in.queue = in.queue[1:]
	case at > 0: // 4.
		in.position = first + at
		*l = lot{records: l.records[at:]}
	default: // 5.
		l.attempts++
		l.threw = what == "throw"
		if in.retries >= 0 && l.attempts > in.retries {
			if !in.report(first, end, l.attempts, l.threw, false) {
				return false
			}
			in.position = end
			in.queue = in.queue[1:]
		} else if in.bisect && len(l.records) > 1 {
			var a, b lot
			for i, r := range l.records {
				if 2*i < len(l.records) {
					a.records = append(a.records, r)
				} else {
					b.records = append(b.records, r)
				}
			}
			in.queue = append([]*lot{&a, &b}, in.queue[1:]...)
		}
	}
	return true
}

func (in *interpreter) report(from, to, attempts int, threw, aged bool) bool {
	for {
		what, ok := in.act(fmt.Sprintf("report %d-%d attempts=%d threw=%t aged=%t", from, to, attempts, threw, aged))
		if !ok || what == "delivered" {
			return ok
		}
	}
}

// act does something and returns what came of it, if that is known yet.
func (in *interpreter) act(do string) (string, bool) {
	in.said = do
	if len(in.answers) == 0 {
		return "", false
	}
	a := in.answers[0]
	in.answers = in.answers[1:]
	in.old = max(in.old, a.old)
	return a.text, true
}

// Records arrive, and grow too old, far apart from all that is waited for, so
// that a test says itself when a record is too old.
const (
	apart    = 10_000 * time.Hour
	tooOld   = 1_000_000 * time.Hour
	maxDepth = 4 // attempts of a lot that is tried without end
)

var epoch = time.UnixMilli(1_700_000_000_000)

// whenOld returns the first moment at which so many records are too old.
func whenOld(n int) time.Time {
	if n == 0 {
		return epoch
	}
	return epoch.Add(time.Duration(n)*apart + tooOld + time.Millisecond)
}

// A situation is a trial, and all that happened to it.
type situation struct {
	trial   eventsource.Trial
	now     time.Time
	initial int
	old     int
	answers []answer
}

// Whatever may happen to a batch of up to six records, in whichever order, the
// machine does what the interpreter does: all states that can be reached are
// visited, with all that can happen in each.
func TestTrial_doesWhatTheInterpreterDoes(t *testing.T) {
	states := 0
	for n := 1; n <= 6; n++ {
		for _, retries := range []int{-1, 0, 1, 2} {
			for _, bisect := range []bool{false, true} {
				states += explore(t, n, retries, bisect)
			}
		}
	}
	t.Logf("%d states", states)
	assert.Greater(t, states, 6_000)
}

func explore(t *testing.T, n, retries int, bisect bool) (states int) {
	arrived := make([]time.Time, n)
	for i := range arrived {
		arrived[i] = epoch.Add(time.Duration(i+1) * apart)
	}
	var todo []situation
	for old := range n + 1 {
		todo = append(todo, situation{eventsource.NewTrial(retries, bisect, tooOld, arrived), whenOld(old), old, old, nil})
	}
	seen := make(map[string]bool)
	for len(todo) > 0 {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		said, position, state := interpret(n, retries, bisect, s.initial, s.answers)
		do, until := s.trial.Next(s.now)
		for do == "pause" {
			s.now = until
			do, until = s.trial.Next(s.now)
		}
		if said != do || position != s.trial.Finished() {
			where := fmt.Sprintf("%d records, %d retries, bisect %t, %d old: %v", n, retries, bisect, s.initial, s.answers)
			require.Equal(t, said, do, where)
			require.Equal(t, position, s.trial.Finished(), where)
		}
		key := fmt.Sprint(s.old, state, s.trial.Key(), said)
		if seen[key] || do == "finish" {
			continue
		}
		seen[key] = true
		todo = append(todo, s.after(n, do)...)
	}
	return len(seen)
}

// after returns all situations that may follow what is done.
func (s situation) after(n int, do string) (all []situation) {
	var answers []string
	var from, to, attempts int
	if k, _ := fmt.Sscanf(do, "invoke %d-%d", &from, &to); k == 2 {
		answers = []string{"ok", "throw", "fail", "refuse"}
		for i := range to - from {
			answers = append(answers, fmt.Sprint("partial ", i))
		}
		if k, _ := fmt.Sscanf(s.lastAttempts(), "%d", &attempts); k == 1 && attempts >= maxDepth {
			answers = []string{"ok"}
		}
	} else {
		answers = []string{"delivered", "lost"}
	}
	for _, text := range answers {
		for old := s.old; old <= n; old++ {
			next := situation{s.trial.Clone(), s.now, s.initial, old, append(s.answers[:len(s.answers):len(s.answers)], answer{text, old})}
			if old > s.old {
				next.now = whenOld(old)
			}
			next.trial.Answer(next.now, text)
			all = append(all, next)
		}
	}
	return all
}

// lastAttempts returns how often the current piece was tried.
func (s situation) lastAttempts() string {
	key := s.trial.Key()
	_, attempts, _ := strings.Cut(key[strings.LastIndex(key, "["):], " ")
	return attempts
}

// The example of what bisecting is to do: record 3 of 4 always fails, there is
// one retry.
func TestTrial_bisectsDownToTheRecordThatFails(t *testing.T) {
	trial := eventsource.NewTrial(1, true, 0, make([]time.Time, 4))
	var did []string
	for now := epoch; ; {
		do, until := trial.Next(now)
		if do == "pause" {
			did, now = append(did, fmt.Sprint("pause ", until.Sub(now))), until
			continue
		}
		did = append(did, do)
		if do == "finish" {
			break
		}
		var from, to int
		answer := "delivered"
		if k, _ := fmt.Sscanf(do, "invoke %d-%d", &from, &to); k == 2 {
			answer = "ok"
			if from <= 2 && 2 < to {
				answer = "throw"
			}
		}
		trial.Answer(now, answer)
	}
	assert.Equal(t, []string{
		"invoke 0-4", "invoke 0-2", "invoke 2-4", "invoke 2-3", "pause 1s", "invoke 2-3",
		"report 2-3 attempts=2 threw=true aged=false", "invoke 3-4", "finish",
	}, did)
}

// With three retries, and a bad record in the third place, the record comes
// five times, and the report says four: progress restarts the count.
func TestTrial_progressRestartsTheCount(t *testing.T) {
	trial := eventsource.NewTrial(3, false, 0, make([]time.Time, 3))
	var did []string
	for now := epoch; len(did) < 20; {
		do, until := trial.Next(now)
		switch do {
		case "pause":
			now = until
			continue
		case "invoke 0-3":
			trial.Answer(now, "partial 2")
		case "invoke 2-3":
			trial.Answer(now, "partial 0")
		case "finish":
			now = epoch
		default:
			trial.Answer(now, "delivered")
		}
		if did = append(did, do); do == "finish" {
			break
		}
	}
	assert.Equal(t, []string{
		"invoke 0-3", "invoke 2-3", "invoke 2-3", "invoke 2-3", "invoke 2-3", "report 2-3 attempts=4 threw=false aged=false", "finish",
	}, did)
}

// Each wait is twice as long as the one before, up to the longest; throttles
// have waits of their own, and so have reports that are not delivered.
func TestTrial_waits(t *testing.T) {
	for _, row := range []struct{ retries, answer string }{{"-1", "throw"}, {"-1", "refuse"}, {"0", "lost"}} {
		var retries int
		fmt.Sscan(row.retries, &retries)
		trial := eventsource.NewTrial(retries, false, 0, make([]time.Time, 1))
		now := epoch
		if row.answer == "lost" {
			trial.Answer(now, "throw")
		}
		var waits []time.Duration
		for range 9 {
			do, _ := trial.Next(now)
			require.NotEqual(t, "pause", do)
			trial.Answer(now, row.answer)
			do, until := trial.Next(now)
			require.Equal(t, "pause", do)
			waits = append(waits, until.Sub(now)/time.Second)
			now = until
		}
		assert.Equal(t, []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60}, waits, row.answer)
	}
}

// What is heard at last ends the waits for it: the next one is short again.
func TestTrial_waitsAreShortAgain(t *testing.T) {
	wait := func(trial eventsource.Trial) time.Duration {
		do, until := trial.Next(epoch)
		require.Equal(t, "pause", do)
		return until.Sub(epoch)
	}
	trial := eventsource.NewTrial(-1, false, tooOld, []time.Time{epoch, epoch, epoch})
	for _, answer := range []string{"refuse", "refuse", "throw", "refuse"} {
		trial.Answer(epoch, answer)
	}
	assert.Equal(t, time.Second, wait(trial))
	aged := eventsource.NewTrial(0, false, tooOld, []time.Time{epoch.Add(-2 * tooOld), epoch.Add(-2 * tooOld)})
	for _, answer := range []string{"lost", "lost", "delivered", "lost"} {
		aged.Answer(epoch, answer)
	}
	assert.Equal(t, time.Second, wait(aged))
}

// A record is given to the function at the age that is set, and not when it is
// older. Who waits for a retry then is woken.
func TestTrial_givesUpRecordsAboveTheAge(t *testing.T) {
	const age = time.Minute
	arrived := []time.Time{epoch, epoch.Add(time.Second), epoch.Add(10 * time.Second)}
	trial := eventsource.NewTrial(-1, false, age, arrived)
	check := func(now time.Time, want string, until time.Time) {
		do, at := trial.Next(now)
		assert.Equal(t, want, do)
		assert.Equal(t, until, at)
	}
	check(epoch.Add(age), "invoke 0-3", time.Time{})
	trial.Answer(epoch.Add(age), "throw")
	check(epoch.Add(age), "pause", epoch.Add(age+time.Millisecond))
	check(epoch.Add(age+time.Millisecond), "report 0-1 attempts=1 threw=true aged=true", time.Time{})
	trial.Answer(epoch.Add(age+time.Millisecond), "delivered")
	check(epoch.Add(age+time.Millisecond), "pause", epoch.Add(age+time.Second)) // the retry
	check(epoch.Add(age+time.Second), "invoke 1-3", time.Time{})
	assert.Equal(t, 1, trial.Finished())

	late := eventsource.NewTrial(-1, false, age, arrived)
	do, _ := late.Next(epoch.Add(time.Hour))
	assert.Equal(t, "report 0-1 attempts=1 threw=false aged=true", do, "also if it was never tried")
}

func TestTrial_aFinalInvocationHasTheRetriesOfABatch(t *testing.T) {
	trial := eventsource.NewFinalTrial(1, time.Minute, epoch)
	for _, step := range []struct{ do, answer string }{
		{"invoke 0-0", "throw"}, {"invoke 0-0", "throw"}, {"report 0-0 attempts=2 threw=true aged=false", "delivered"}, {"finish", ""},
	} {
		do, _ := trial.Next(epoch.Add(time.Second))
		if do == "pause" {
			do, _ = trial.Next(epoch.Add(2 * time.Second))
		}
		assert.Equal(t, step.do, do)
		if step.answer != "" {
			trial.Answer(epoch.Add(time.Second), step.answer)
		}
	}
	aged := eventsource.NewFinalTrial(-1, time.Minute, epoch)
	do, _ := aged.Next(epoch.Add(2 * time.Minute))
	assert.Equal(t, "report 0-0 attempts=1 threw=false aged=true", do)
	aged.Answer(epoch, "delivered")
	do, _ = aged.Next(epoch)
	assert.Equal(t, "finish", do)
}
