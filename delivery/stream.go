package delivery

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/producer"
)

// Stream returns a sink that puts records into another stream, with their
// partition keys; one without a key gets its sequence number as one. The
// producer stays the caller's, who closes it when Run has
// returned.
//
// Of one shard an object is put after the other, and the records of a key keep
// their order as the producer keeps it: [producer.Config.Ordered] does through
// any failure. Records come again, behind others, when the producer has given up
// one of the object: a long TTL makes that seldom. What the stream will never
// take is refused, and where that has no other place to go, it alone comes again.
// Delivery is at least once.
func Stream(p *producer.Producer) RecordSink {
	return &streamSink{producer: p, refused: make(map[streamShard]refusedPart)}
}

type streamSink struct {
	producer *producer.Producer

	mu      sync.Mutex // guards what follows
	refused map[streamShard]refusedPart
}

type streamShard struct {
	stream string
	shard  weir.ShardID
}

// A refusedPart is what was refused of an object whose other records were put.
type refusedPart struct {
	name    string
	last    weir.SequenceNumber
	count   int
	records []int
}

// left returns which of an object's records are to be put, and forgets it.
func (s *streamSink) left(o *Object) []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := streamShard{o.Stream, o.Shard}
	r := s.refused[at]
	delete(s.refused, at)
	if r.name == o.Name && r.last == o.Last && r.count == len(o.Records) {
		return r.records
	}
	all := make([]int, len(o.Records))
	for i := range all {
		all[i] = i
	}
	return all
}

// refuse notes which of an object's records were refused.
func (s *streamSink) refuse(o *Object, records []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused[streamShard{o.Stream, o.Shard}] = refusedPart{o.Name, o.Last, len(o.Records), slices.Clone(records)}
}

// TakesRecords does nothing.
func (s *streamSink) TakesRecords() {}

// Deliver puts the object's records, and waits for their outcomes.
func (s *streamSink) Deliver(ctx context.Context, o *Object) error {
	out := outcomes{refused: make(map[int]error)}
	for _, i := range s.left(o) {
		if !s.put(ctx, &o.Records[i], i, &out) {
			break
		}
	}
	if err := await(ctx, &out.open); err != nil {
		return err
	}
	out.mu.Lock()
	defer out.mu.Unlock()
	switch {
	case out.failed != nil:
		return out.failed // the object comes again, as a whole
	case len(out.refused) > 0:
		err := refusedByStream(out.refused)
		s.refuse(o, err.Records)
		return err
	}
	return nil
}

// put has the i-th record of an object put, and its outcome noted. It reports
// whether there is reason to put more.
func (s *streamSink) put(ctx context.Context, r *Record, i int, out *outcomes) bool {
	key := r.PartitionKey
	if key == "" {
		key = r.SequenceNumber.String()
	}
	out.open.Add(1)
	err := s.producer.PutAsync(ctx, weir.Entry{PartitionKey: key, Data: r.Data}, func(o producer.Outcome) { out.note(i, o.Err) })
	if err == nil {
		return true
	}
	out.note(i, err) // there is no other outcome
	return !out.isFailure()
}

// Outcomes are what has come of an object's records.
type outcomes struct {
	open sync.WaitGroup // records whose outcomes are not known

	mu      sync.Mutex    // guards what follows
	refused map[int]error // records that the stream never takes
	failed  error         // the first of another kind
}

func (o *outcomes) note(i int, err error) {
	defer o.open.Done()
	if err == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if errors.Is(err, weir.ErrInvalidArgument) || errors.Is(err, producer.ErrTooLarge) {
		o.refused[i] = err
	} else if o.failed == nil {
		o.failed = err
	}
}

// isFailure reports whether the object is to come again.
func (o *outcomes) isFailure() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.failed != nil
}

// refusedByStream returns the error of records that were refused, by their
// index.
func refusedByStream(refused map[int]error) *RefusedError {
	all := &RefusedError{Code: codeStream}
	for _, i := range slices.Sorted(maps.Keys(refused)) {
		one := &RefusedError{Code: codeStream, Err: refused[i]}
		all.Records, all.Each = append(all.Records, i), append(all.Each, one)
	}
	all.Err = all.Each[0].Err
	return all
}

// await waits for outcomes, but not beyond the end of ctx.
func await(ctx context.Context, left *sync.WaitGroup) error {
	done := make(chan struct{})
	go func() {
		left.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
