package bench

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/workload"
)

// keepEvery is how often a keeper looks at its stream.
const keepEvery = 10 * time.Millisecond

// A keeper bounds the memory of a stream: when it holds more than half of what it may,
// its oldest records expire, down to about a quarter. The stream's own bound is behind
// that, but makes each put dearer once it is reached, which is not what a bench is to
// measure.
type keeper struct {
	stream *weir.Stream
	memory int64
	stop   chan struct{}
	done   sync.WaitGroup
}

// OpenEmbedded returns a target that is a new stream in this process, as a workload
// says, that holds up to so many bytes. What exceeds them is forgotten from the oldest
// record on, whether it was read or not.
func OpenEmbedded(s workload.Stream, memory int64) (Target, error) {
	c, err := s.Config()
	if err != nil {
		return nil, err
	}
	c.MaxBytes, c.WhenFull = memory, weir.DropOldest
	c.Limits.MinRetention = -1
	name := s.Name
	if name == "" {
		name = "bench"
	}
	stream, err := weir.NewStream(name, c)
	if err != nil {
		return nil, fmt.Errorf("stream: %w", err)
	}
	k := &keeper{stream: stream, memory: memory, stop: make(chan struct{})}
	k.done.Go(k.loop)
	return kept{embedded{client.Embedded(stream), stream}, k}, nil
}

// kept is an embedded target with a keeper.
type kept struct {
	embedded
	keeper *keeper
}

// Close stops the keeper.
func (t kept) Close(context.Context) error {
	close(t.keeper.stop)
	t.keeper.done.Wait()
	return nil
}

func (k *keeper) loop() {
	ticker := time.NewTicker(keepEvery)
	defer ticker.Stop()
	last := k.stream.Snapshot()
	for {
		select {
		case <-ticker.C:
			last = k.look(last)
		case <-k.stop:
			return
		}
	}
}

// look expires records if too many are held, so many as at the rate since the last
// look makes a quarter of the bound.
func (k *keeper) look(last weir.Snapshot) weir.Snapshot {
	now := k.stream.Snapshot()
	if now.MemoryBytes <= k.memory/2 {
		return now
	}
	rate := float64(charge(now)-charge(last)) / max(1e-9, now.At.Sub(last.At).Seconds())
	keep := k.stream.Settings().Retention
	if short := time.Duration(float64(k.memory/4) / max(1, rate) * float64(time.Second)); short < keep {
		retain(k.stream, max(time.Millisecond, short))
		k.stream.Trim()
		retain(k.stream, keep)
	}
	return now
}

// retain changes the retention. That fails only outside the limits, of which there
// are none.
func retain(s *weir.Stream, d time.Duration) {
	_ = s.Set(context.Background(), func(t *weir.Settings) { t.Retention = d })
}

// charge returns what all records ever put take in memory.
func charge(s weir.Snapshot) int64 {
	return s.Total.IncomingBytes + s.Total.IncomingRecords*weir.RecordOverheadBytes
}
