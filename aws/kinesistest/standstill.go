package kinesistest

import (
	"fmt"
	"runtime"
	"strings"
	"time"
)

// A standstill is a bubble whose time has stopped for good: a goroutine waits
// for a mutex, which stops it, and the one that holds the mutex is in a call
// that waits for time to pass. It would hang until the test's timeout and leave
// its author to guess.
//
// So somebody looks from outside of the bubble, in real time, and ends the
// program with the reason. A goroutine or a timer that is begun in a bubble
// belongs to it; what the runtime calls for an object that is no longer used
// does not.
type standstill struct {
	fake   *Fake
	calls  int    // that had begun at the last look
	found  string // by the last look
	looked int    // how many looks in a row found the same
}

// How long a bubble must have been found to stand still, and how often it is
// looked at.
const (
	lookEvery = time.Second
	looks     = 3
)

// watchTime has somebody look whether the bubble's time stands still, from when
// the garbage collector next runs: at once if soon, else within two minutes.
func (k *Fake) watchTime(soon bool) {
	if !k.clock.virtual() || k.watched.Load() && (!soon || k.watchedSoon.Load()) {
		return
	}
	if !k.watched.Swap(true) {
		nobody := new([8]*byte)
		runtime.AddCleanup(nobody, func(w *standstill) { time.AfterFunc(lookEvery, w.look) }, &standstill{fake: k})
	}
	if soon && !k.watchedSoon.Swap(true) {
		runtime.GC()
	}
}

// look looks, and again later. Where calls begin time does not stand still.
func (w *standstill) look() {
	k := w.fake
	if k.ended.Load() {
		return
	}
	k.mu.Lock()
	calls := k.number
	k.mu.Unlock()
	found := ""
	if calls == w.calls {
		found = standing(traces(), k.clock.mark)
	}
	if w.looked++; found == "" || found != w.found {
		w.looked = 0
	}
	w.calls, w.found = calls, found
	if w.looked >= looks {
		panic(fmt.Sprintf("kinesistest: test %s hangs. A goroutine waits for a mutex, which stops the time of its bubble, while a call of the client "+
			"waits for that time to pass. Calls take time under Chaos, and with a latency or a back-off anywhere: do not hold a mutex over one, "+
			"or test that outside of a bubble. These wait for a mutex and for time:\n\n%s\n", k.t.Name(), found))
	}
	time.AfterFunc(lookEvery, w.look)
}

// traces returns the traces of all goroutines.
func traces() string {
	for n := 1 << 18; ; n *= 2 {
		b := make([]byte, n)
		if used := runtime.Stack(b, true); used < n || n > 1<<26 {
			return string(b[:used])
		}
	}
}

// standing returns the traces of those goroutines of a bubble that make it
// stand still, or "" if they do not. All of the bubble must wait, for what the
// bubble does or for a mutex, some for a mutex, and one be within a call.
func standing(traces, mark string) string {
	var mutex, call []string
	for trace := range strings.SplitSeq(traces, "\n\n") {
		head, _, _ := strings.Cut(trace, "\n")
		_, state, _ := strings.Cut(head, "[")
		switch {
		case !strings.HasSuffix(head, mark):
		case strings.HasPrefix(state, "sync.Mutex.") || strings.HasPrefix(state, "sync.RWMutex."):
			mutex = append(mutex, brief(trace))
		case !strings.Contains(state, "(durable)"):
			return ""
		case strings.Contains(trace, "aws-sdk-go-v2/") || strings.Contains(trace, "kinesistest.(*turns).take"):
			call = append(call, brief(trace))
		}
	}
	if len(mutex) == 0 || len(call) == 0 {
		return ""
	}
	const most = 5
	return strings.Join(append(mutex[:min(most, len(mutex))], call[:min(most, len(call))]...), "\n\n")
}

// brief returns a trace without the insides of the SDK.
func brief(trace string) string {
	lines := strings.Split(trace, "\n")
	short := lines[:1:1]
	for i := 1; i+1 < len(lines); i += 2 {
		inside := strings.HasPrefix(lines[i], "github.com/aws/") && !strings.Contains(lines[i], "service/kinesis.(*Client)")
		if !inside {
			short = append(short, lines[i], lines[i+1])
		}
	}
	return strings.Join(short, "\n")
}
