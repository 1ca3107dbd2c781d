// Package tail reads a stream for somebody who looks at it: its shards together,
// oldest record first, up to the tip or on and on.
package tail

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/aws/smithy-go"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/internal/lineage"
)

// A Request says what is read of a stream, and how.
type Request struct {
	Stream client.Stream
	// From is where reading begins: the horizon, the tip or a time. Shards that
	// are opened later are read from their beginning.
	From weir.Position
	// Shards are the ones that are read. None means all, and those that follow
	// them.
	Shards []weir.ShardID
	// Follow goes on at the tip. Without it reading ends there.
	Follow bool
	// Whole leaves aggregated records whole.
	Whole bool
	// Lost, unless nil, is told of errors whose causes can pass, such as a server
	// that cannot be reached: with Follow these are waited for, and reading goes on
	// where it was. It is called by many goroutines at a time.
	Lost func(error)
	// Discarded, unless nil, is told of aggregates of which not all user records
	// can be read: these are left out. Those of other shards are not.
	Discarded func(weir.ShardID, weir.SequenceNumber, aggregate.Discarded)
	// Interval is that of [client.Reading].
	Interval time.Duration
}

// A Record is one of a shard, or a user record of one.
type Record struct {
	aggregate.Record
	Shard weir.ShardID
}

// Read reads until there is nothing more to read, ctx ends or do returns an
// error, which it returns. The records of a shard come in their order, and
// parents before children. Those of different shards come by their time of
// arrival, up to the tip; what arrives later comes when it is read. A record is
// valid until do returns.
//
// It holds one batch of each shard that it reads.
func Read(ctx context.Context, r Request, do func(Record) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	t := &tailing{Request: r, do: do, read: make(chan read), sources: make(map[weir.ShardID]*source),
		closed: make(map[weir.ShardID]bool)}
	shards, err := r.Stream.Shards(ctx)
	if err != nil {
		return err
	}
	if shards, err = t.wanted(shards); err != nil {
		return err
	}
	t.walk = lineage.New(kin(shards), lineage.Start[weir.ShardID]{})
	for _, s := range shards {
		t.closed[s.ID] = !s.EndingSequenceNumber.IsZero()
	}
	t.begin(ctx, slices.Collect(t.walk.Ready()))
	return t.run(ctx)
}

// wanted returns the shards that are read from the beginning on.
func (t *tailing) wanted(shards []weir.Shard) ([]weir.Shard, error) {
	for _, id := range t.Shards {
		if !slices.ContainsFunc(shards, func(s weir.Shard) bool { return s.ID == id }) {
			return nil, fmt.Errorf("stream %s, %v: %w", t.Stream.Name(), id, weir.ErrShardNotFound)
		}
	}
	return slices.DeleteFunc(shards, func(s weir.Shard) bool {
		closed := !s.EndingSequenceNumber.IsZero()
		return len(t.Shards) > 0 && !slices.Contains(t.Shards, s.ID) || closed && t.From == weir.Latest()
	}), nil
}

func kin(shards []weir.Shard) []lineage.Shard[weir.ShardID] {
	list := make([]lineage.Shard[weir.ShardID], len(shards))
	for i, s := range shards {
		list[i] = lineage.Shard[weir.ShardID]{ID: s.ID, Parents: s.Parents}
	}
	return list
}

// A tailing is a call of Read.
type tailing struct {
	Request
	do      func(Record) error
	read    chan read
	walk    *lineage.Walk[weir.ShardID]
	closed  map[weir.ShardID]bool    // of those that there were at the beginning
	sources map[weir.ShardID]*source // that are read
	ready   sources                  // those that have records
	unknown int                      // how many may have older ones than those
}

// A source is a shard that is read.
type source struct {
	id      weir.ShardID
	batch   weir.Batch // what is left of the last one
	waits   bool       // for a batch, behind the tip
	more    chan struct{}
	decoder aggregate.Decoder
}

// A read is a batch of a source, or why there is none.
type read struct {
	*source
	batch weir.Batch
	err   error
}

// begin begins to read shards.
func (t *tailing) begin(ctx context.Context, ids []weir.ShardID) {
	for _, id := range ids {
		s := &source{id: id, waits: true, more: make(chan struct{}, 1)}
		from := weir.TrimHorizon()
		if _, listed := t.closed[id]; listed {
			from = t.From
		}
		t.sources[id] = s
		t.unknown++
		s.more <- struct{}{}
		go t.pump(ctx, s, from)
	}
}

// pump reads a shard, a batch whenever one is asked for.
func (t *tailing) pump(ctx context.Context, s *source, from weir.Position) {
	send := func(b weir.Batch, err error) {
		select {
		case t.read <- read{s, b, err}:
		case <-ctx.Done():
		}
	}
	r, err := t.open(ctx, s.id, from)
	if err != nil {
		send(weir.Batch{}, err)
		return
	}
	defer r.Close()
	for {
		select {
		case <-s.more:
		case <-ctx.Done():
			return
		}
		b, err := r.Next(ctx)
		for errors.Is(err, weir.ErrThroughputExceeded) && ctx.Err() == nil || t.passes(ctx, err) {
			b, err = r.Next(ctx)
		}
		send(b, err)
		if err != nil {
			return
		}
	}
}

// open opens a shard, and waits for what passes.
func (t *tailing) open(ctx context.Context, id weir.ShardID, from weir.Position) (client.Reader, error) {
	for {
		r, err := t.Stream.Read(ctx, id, from, client.Reading{Polling: true, Interval: t.Interval})
		if !t.passes(ctx, err) {
			return r, err
		}
		select {
		case <-time.After(openAgain):
		case <-ctx.Done():
		}
	}
}

// openAgain is how long after a failure a shard is opened again. Readers pause
// by themselves.
const openAgain = time.Second

// passes reports whether the cause of an error can pass and is waited for, and
// tells of it: it is that of a server, or of the way to it, and not its answer
// that something is not there, not allowed or not sound.
func (t *tailing) passes(ctx context.Context, err error) bool {
	if err == nil || !t.Follow || ctx.Err() != nil {
		return false
	}
	var api smithy.APIError
	var sent *smithy.OperationError
	switch {
	case errors.As(err, &api):
		if api.ErrorFault() != smithy.FaultServer {
			return false
		}
	case !errors.As(err, &sent), errors.Is(err, weir.ErrInvalidArgument):
		return false
	}
	if t.Lost != nil {
		t.Lost(err)
	}
	return true
}

// run hands over what is read, until there is nothing more.
func (t *tailing) run(ctx context.Context) error {
	for len(t.sources) > 0 {
		select {
		case r := <-t.read:
			if err := t.take(ctx, r); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
		for t.unknown == 0 && len(t.ready) > 0 {
			if err := t.next(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// take takes in a batch.
func (t *tailing) take(ctx context.Context, r read) error {
	s := r.source
	switch {
	case errors.Is(r.err, weir.ErrShardNotFound) && len(t.Shards) == 0:
		t.over(ctx, s, t.walk.Forget(s.id))
		return nil
	case r.err == io.EOF:
		t.over(ctx, s, t.walk.Ended(s.id))
		return nil
	case r.err != nil:
		return r.err
	}
	s.batch = r.batch
	if len(s.batch.Records) > 0 {
		if s.waits {
			s.waits = false
			t.unknown--
		}
		heap.Push(&t.ready, s)
		return nil
	}
	t.drained(ctx, s)
	return nil
}

// next hands over the oldest record that there is.
func (t *tailing) next(ctx context.Context) error {
	s := t.ready[0]
	r := s.batch.Records[0]
	if t.Whole {
		if err := t.do(Record{aggregate.Record{Record: r}, s.id}); err != nil {
			return err
		}
	} else {
		for user := range s.decoder.Records(r) {
			if err := t.do(Record{user, s.id}); err != nil {
				return err
			}
		}
		if left := s.decoder.Discarded; left != (aggregate.Discarded{}) && t.Discarded != nil {
			s.decoder.Discarded = aggregate.Discarded{}
			t.Discarded(s.id, r.SequenceNumber, left)
		}
	}
	if s.batch.Records = s.batch.Records[1:]; len(s.batch.Records) > 0 {
		heap.Fix(&t.ready, 0)
		return nil
	}
	heap.Pop(&t.ready)
	t.drained(ctx, s)
	return nil
}

// drained goes on with a shard whose batch is handed over.
func (t *tailing) drained(ctx context.Context, s *source) {
	atTip := s.batch.Behind == 0
	switch {
	case s.batch.Last:
		t.over(ctx, s, t.walk.Ended(s.id, kin(s.batch.Children)...))
		return
	case atTip && !t.Follow && !t.closed[s.id]: // a closed one has an end
		t.over(ctx, s, nil)
		return
	}
	if waits := !atTip; waits != s.waits {
		s.waits = waits
		if waits {
			t.unknown++
		} else {
			t.unknown--
		}
	}
	s.more <- struct{}{}
}

// over ends a shard and begins those that follow it.
func (t *tailing) over(ctx context.Context, s *source, begin []weir.ShardID) {
	if s.waits {
		t.unknown--
	}
	delete(t.sources, s.id)
	if len(t.Shards) > 0 {
		begin = slices.DeleteFunc(begin, func(id weir.ShardID) bool { return !slices.Contains(t.Shards, id) })
	}
	t.begin(ctx, begin)
}

// sources are those that have records, the one with the oldest first.
type sources []*source

func (s sources) Len() int { return len(s) }

func (s sources) Less(i, j int) bool {
	a, b := s[i].batch.Records[0], s[j].batch.Records[0]
	if c := a.ArrivalTime.Compare(b.ArrivalTime); c != 0 {
		return c < 0
	}
	return s[i].id < s[j].id
}

func (s sources) Swap(i, j int) { s[i], s[j] = s[j], s[i] }

// Push adds a source.
func (s *sources) Push(x any) { *s = append(*s, x.(*source)) }

// Pop takes the last source off.
func (s *sources) Pop() any {
	last := (*s)[len(*s)-1]
	*s = (*s)[:len(*s)-1]
	return last
}
