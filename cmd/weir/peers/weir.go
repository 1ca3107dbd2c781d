package main

import (
	"context"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/lease"
)

// A weirLog is a stream of weir.
type weirLog struct {
	stream *weir.Stream
	batch  []weir.Entry
}

func openWeir(shards int) (log, error) {
	s, err := weir.NewStream("peer", weir.Config{Shards: shards, Limits: weir.Unlimited()})
	return &weirLog{stream: s, batch: make([]weir.Entry, batchSize)}, err
}

func (l *weirLog) close() {}

func (l *weirLog) put(r *record) error {
	_, err := l.stream.PutRecord(context.Background(), r.key, r.data)
	return err
}

func (l *weirLog) putBatch(batch []record) error {
	for i := range batch {
		l.batch[i].PartitionKey, l.batch[i].Data = batch[i].key, batch[i].data
	}
	results, err := l.stream.PutRecords(context.Background(), l.batch[:len(batch)])
	for i := range results {
		if results[i].Err != nil {
			return results[i].Err
		}
	}
	return err
}

func (l *weirLog) read(s *sink) error {
	buf := make([]weir.Record, 0, readBatch)
	for _, shard := range l.stream.Shards() {
		it, err := l.stream.Iterator(context.Background(), shard.ID, weir.TrimHorizon())
		for more := true; more; {
			if err != nil {
				return err
			}
			var b weir.Page
			b, err = l.stream.AppendRecords(context.Background(), buf[:0], it, readBatch)
			for i := range b.Records {
				s.take(b.Records[i].Data)
			}
			it, more = b.Next, len(b.Records) > 0
		}
	}
	return nil
}

func (l *weirLog) follow(ctx context.Context, ready func(), got func([]byte)) error {
	r, err := l.stream.NewReader("follower", weir.TrimHorizon())
	if err != nil {
		return err
	}
	defer r.Close()
	ready()
	for {
		b, err := r.Next(ctx)
		if err != nil {
			return ended(ctx, err)
		}
		for i := range b.Records {
			got(b.Records[i].Data)
		}
	}
}

// process is a group of one worker that keeps its leases in memory, and reads
// as such a group does by itself.
func (l *weirLog) process(n int, t *tally) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	g, err := consumer.New(consumer.Config{
		Name: "peer", Streams: []client.Stream{client.Embedded(l.stream)}, Store: new(lease.Memory),
		Handler: func(_ context.Context, b *consumer.Batch) error {
			got := t.handle(func(s *sink) {
				for i := range b.Records {
					s.take(b.Records[i].Data)
				}
			})
			if got == n {
				stop() // Run writes the checkpoints before it returns
			}
			return nil
		},
	})
	if err != nil {
		return err
	}
	return g.Run(ctx)
}

// ended returns nil for an error that comes from the end of ctx.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// A weirDiskLog is a stream of weir on disk.
type weirDiskLog struct{ weirLog }

func openWeirDisk(dir string, _ int) (diskLog, error) {
	s, err := weir.Open(dir, weir.Config{Shards: weirShards, Limits: weir.Unlimited()})
	return &weirDiskLog{weirLog{stream: s, batch: make([]weir.Entry, batchSize)}}, err
}

func (l *weirDiskLog) close() error { return l.stream.Close() }

func (l *weirDiskLog) count() (int, error) { return int(l.stream.Snapshot().RecordsHeld), nil }
