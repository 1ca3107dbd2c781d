package kinesistest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/weirstream/weir"
)

// A Record is a record that was put.
type Record struct {
	weir.Record
	// Stream is the stream that it is in.
	Stream string
}

// String returns the record in a line.
func (r Record) String() string {
	return fmt.Sprintf("%s %s/%d %s: %s", r.ArrivalTime.Format("15:04:05.000"), r.Stream, r.ShardID(), r.PartitionKey,
		shorten(fmt.Sprintf("%q", r.Data), 60))
}

// Records are records by arrival. Those of a shard, and of a key over any number
// of splits and merges, are in the order in which they were put.
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

// A streamLog is what was put into a stream.
type streamLog struct {
	stream  *weir.Stream
	at      weir.Positions // read so far
	records Records
	last    map[weir.ShardID]weir.SequenceNumber
}

// Records returns every record that was put into a stream, by clients and through
// the engine's stream, whether it has expired or not. Of those put through the
// engine's stream it misses what expired before the fake was asked for anything.
func (k *Fake) Records(stream string) Records {
	k.drain()
	k.mu.Lock()
	defer k.mu.Unlock()
	var list Records
	for _, l := range k.logs {
		if l.stream.Name() == stream {
			list = append(list, l.records...)
		}
	}
	slices.SortStableFunc(list, func(a, b Record) int { return a.ArrivalTime.Compare(b.ArrivalTime) })
	return list
}

// drain writes down what was put since the last time.
func (k *Fake) drain() {
	streams := k.account.Streams()
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range streams {
		i := slices.IndexFunc(k.logs, func(l *streamLog) bool { return l.stream == s })
		if i < 0 {
			i = len(k.logs)
			k.logs = append(k.logs, &streamLog{stream: s, last: make(map[weir.ShardID]weir.SequenceNumber)})
		}
		k.logs[i].drain()
	}
}

func (l *streamLog) drain() {
	var r *weir.Reader
	var err error
	if l.at == nil {
		r, err = l.stream.ReadStream("", weir.TrimHorizon())
	} else {
		r, err = l.stream.ResumeStream("", l.at)
	}
	if err != nil {
		panic(err) // positions of the stream's own
	}
	defer r.Close()
	for {
		batch, err := r.TryNext()
		if err != nil || len(batch) == 0 {
			break
		}
		for _, rec := range batch {
			l.records = append(l.records, Record{rec, l.stream.Name()})
			l.last[rec.ShardID()] = rec.SequenceNumber
		}
	}
	l.at = r.Positions()
}

// Put puts a record through the engine's stream, past faults and without a call,
// and fails the test if it is refused.
func (k *Fake) Put(stream, key, data string) weir.PutResult {
	k.t.Helper()
	res, err := k.need(stream).PutRecord(context.Background(), key, []byte(data))
	if err != nil {
		k.t.Fatalf("kinesistest: put into %s: %v", stream, err)
	}
	k.drain()
	return res
}
