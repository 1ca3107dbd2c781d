package kinesisclient

import (
	"context"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/weirstream/weir"
)

// What is read ahead of Next, at most.
const (
	aheadBatches = 4        // of a reader
	aheadBytes   = 32 << 20 // of all readers of a Stream, beyond a batch of each
)

// An ahead polls while the caller works on what came before.
type ahead struct {
	losses
	poller *poller
	total  *atomic.Int64 // bytes that wait, of all readers of the Stream

	filled, room chan struct{} // of one place
	polls        sync.WaitGroup

	mu      sync.Mutex // guards what follows; not held while waiting
	begun   bool
	waiting []polled
	err     error // of the last poll; nothing is polled until Next has returned it
	ended   bool  // there will be no more
}

// A polled is a batch that waits for Next.
type polled struct {
	batch weir.Batch
	lost  int64 // of the reader, when it came
	size  int64
}

func newAhead(p *poller, total *atomic.Int64) *ahead {
	return &ahead{poller: p, total: total, filled: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Next returns the next batch.
func (a *ahead) Next(ctx context.Context) (weir.Batch, error) {
	if ctx == nil {
		return weir.Batch{}, errNilContext
	}
	for {
		if err := a.poller.life.pause(ctx, 0); err != nil {
			return weir.Batch{}, err
		}
		if b, done, err := a.pop(); done {
			return b, err
		}
		select {
		case <-a.filled:
		case <-ctx.Done():
		case <-a.poller.life.ctx.Done():
		}
	}
}

// pop returns what there is for Next, if there is something.
func (a *ahead) pop() (b weir.Batch, done bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.begun && !a.poller.life.over() {
		a.begun = true
		a.polls.Go(a.run)
	}
	switch {
	case len(a.waiting) > 0:
		p := a.waiting[0]
		a.waiting = slices.Delete(a.waiting, 0, 1)
		a.total.Add(-p.size)
		a.n.Store(p.lost)
		signal(a.room)
		return p.batch, true, nil
	case a.err != nil:
		err, a.err = a.err, nil
		signal(a.room)
		return weir.Batch{}, true, err
	case a.ended:
		return weir.Batch{}, true, io.EOF
	}
	return weir.Batch{}, false, nil
}

// run polls until the reader's end or the shard's.
func (a *ahead) run() {
	life := a.poller.life.ctx
	for {
		for !a.ready() {
			select {
			case <-a.room:
			case <-life.Done():
				return
			}
		}
		a.poller.records = nil // what was returned waits
		b, err := a.poller.Next(life)
		if a.push(b, err) {
			return
		}
	}
}

// ready reports whether there is to be a poll.
func (a *ahead) ready() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := len(a.waiting)
	return a.err == nil && n < aheadBatches && (n == 0 || a.total.Load() < aheadBytes)
}

// push takes in what a poll returned, and reports whether it was the last one.
func (a *ahead) push(b weir.Batch, err error) (last bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := len(a.waiting)
	switch {
	case a.poller.life.over():
		return true
	case err != nil:
		a.err = err
	case len(b.Records) == 0 && !b.Last && n > 0: // it says no more than what waits
		a.waiting[n-1].batch.Continue = b.Continue
	default:
		p := polled{batch: b, lost: a.poller.Lost()}
		for i := range b.Records {
			p.size += int64(len(b.Records[i].Data) + len(b.Records[i].PartitionKey))
		}
		a.total.Add(p.size)
		a.waiting = append(a.waiting, p)
		a.ended = b.Last
	}
	signal(a.filled)
	return a.ended
}

// Close ends the reader, and waits until a poll that is under way is given up.
func (a *ahead) Close() error {
	a.mu.Lock()
	a.poller.life.end()
	a.mu.Unlock()
	a.polls.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range a.waiting {
		a.total.Add(-p.size)
	}
	a.waiting = nil
	return nil
}
