package kinesistest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir"
)

// A Record is a record that was put or, after [Records.Deaggregate], a user
// record in one.
type Record struct {
	weir.Record
	// Stream is the stream that it is in.
	Stream string
	// Aggregated says that it is a user record, of several in the record of
	// this sequence number; SubSequence counts them from 0.
	Aggregated  bool
	SubSequence int
	// ExplicitHashKey is that of a user record; empty if it has none. Of a
	// record by itself the service does not tell it.
	ExplicitHashKey string
}

// String returns the record in a line.
func (r Record) String() string {
	return fmt.Sprintf("%s %s/%d %s: %s", clockTime(r.ArrivalTime), r.Stream, r.ShardID(), r.PartitionKey,
		shorten(fmt.Sprintf("%q", r.Data), 60))
}

// Records are records by arrival. Those of a shard, and of a key over any
// number of splits and merges, are in the order in which they were put.
type Records []Record

// Shard returns the records of one shard.
func (rs Records) Shard(shard weir.ShardID) Records {
	return rs.Where(func(r Record) bool { return r.ShardID() == shard })
}

// Key returns the records of one partition key.
func (rs Records) Key(key string) Records {
	return rs.Where(func(r Record) bool { return r.PartitionKey == key })
}

// Where returns the records for which f returns true.
func (rs Records) Where(f func(Record) bool) Records {
	var list Records
	for _, r := range rs {
		if f(r) {
			list = append(list, r)
		}
	}
	return list
}

// Data returns the records' data as strings.
func (rs Records) Data() []string {
	list := make([]string, len(rs))
	for i, r := range rs {
		list[i] = string(r.Data)
	}
	return list
}

// String returns a line for each record.
func (rs Records) String() string {
	var b strings.Builder
	for _, r := range rs {
		b.WriteString("  " + r.String() + "\n")
	}
	return b.String()
}

// A streamLog is what was put into a stream, and the shards that it ever had.
type streamLog struct {
	stream  *weir.Stream
	at      weir.Positions // read so far
	records Records
	last    map[weir.ShardID]weir.SequenceNumber
	shards  map[weir.ShardID]weir.Shard // as they were when last looked at
}

// Records returns every record that was put into a stream, by clients and past
// them, whether it has expired or not.
func (k *Fake) Records(stream string) Records {
	k.drain()
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.recordsLocked(stream)
}

// recordCount returns how many records [Fake.Records] returns.
func (k *Fake) recordCount(stream string) (n int) {
	k.drain()
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, l := range k.logs {
		if l.stream.Name() == stream {
			n += len(l.records)
		}
	}
	return n
}

// recordsLocked returns the records of a stream and of earlier ones of its
// name.
func (k *Fake) recordsLocked(stream string) Records {
	var list Records
	for _, l := range k.logs {
		if l.stream.Name() == stream {
			list = append(list, l.records...)
		}
	}
	slices.SortStableFunc(list, func(a, b Record) int {
		return cmp.Or(a.ArrivalTime.Compare(b.ArrivalTime), cmp.Compare(a.ShardID(), b.ShardID()))
	})
	return list
}

// drain writes down what was put into any stream since the last time.
func (k *Fake) drain() {
	streams := k.account.Streams()
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range streams {
		k.logOfLocked(s).drain()
	}
}

// drainLocked is drain for one stream.
func (k *Fake) drainLocked(name string) {
	if s := k.account.Stream(name); s != nil {
		k.logOfLocked(s).drain()
	}
}

// logOfLocked returns the log of a stream, which is a new one if the stream is.
func (k *Fake) logOfLocked(s *weir.Stream) *streamLog {
	for _, l := range k.logs {
		if l.stream == s {
			return l
		}
	}
	l := &streamLog{stream: s, last: make(map[weir.ShardID]weir.SequenceNumber), shards: make(map[weir.ShardID]weir.Shard)}
	k.logs = append(k.logs, l)
	return l
}

func (l *streamLog) drain() {
	r, err := l.reader()
	if err != nil {
		panic(err) // positions of the stream's own
	}
	defer r.Close()
	for {
		batch, err := r.TryNext()
		if err != nil || len(batch.Records) == 0 {
			break
		}
		for _, rec := range batch.Records {
			l.records = append(l.records, Record{Record: rec, Stream: l.stream.Name()})
			l.last[rec.ShardID()] = rec.SequenceNumber
		}
	}
	l.at = r.Positions()
	for _, n := range l.at {
		if _, known := l.shards[n.Shard()]; !known {
			l.lookAtShards()
			break
		}
	}
}

func (l *streamLog) reader() (*weir.Reader, error) {
	return l.stream.NewReader("", weir.Resume(l.at, weir.TrimHorizon()))
}

func (l *streamLog) lookAtShards() {
	for _, sh := range l.stream.Shards() {
		l.shards[sh.ID] = sh
	}
}

// maxIdleLooks is how many times the fake looks for records that were put past
// it after [Fake.Stream] was called. Then it stops, so that a bubble in which
// all wait for ever comes to an end.
const maxIdleLooks = 1000

// watchEvery returns how often it looks: more often than records can expire.
func (k *Fake) watchEvery() time.Duration {
	return cmp.Or(max(k.config.Limits.MinRetention, 0), weir.ServiceLimits().MinRetention) / 2
}

// watchPuts makes the fake look for records that are put past it from now on,
// so that none expires before it was seen. Outside a bubble whoever moves the
// clock looks first.
func (k *Fake) watchPuts() {
	if !k.clock.virtual() {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.idle = 0
	if k.watch == nil && !k.ended.Load() {
		k.watch = time.AfterFunc(k.watchEvery(), k.look)
	}
}

// look writes down what was put, and looks again later.
func (k *Fake) look() {
	k.drain()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.idle++; k.idle > maxIdleLooks || k.ended.Load() {
		k.watch = nil
		return
	}
	k.watch.Reset(k.watchEvery())
}

// Put puts a record through the engine's stream, past faults and without a
// call, and fails the test if it is refused.
func (k *Fake) Put(stream, key, data string) weir.Placed {
	k.t.Helper()
	k.takeTurn("put "+stream+" "+key, []byte(data))
	res, err := k.need(stream).PutRecord(context.Background(), key, []byte(data))
	if err != nil {
		k.t.Fatalf("kinesistest: put into %s: %v", stream, err)
	}
	k.drain()
	return res
}
