package main

import (
	"context"
	"errors"
	"hash/fnv"

	"github.com/embano1/memlog"
	"github.com/embano1/memlog/sharded"
)

// A memlogLog is an embano1/memlog without shards.
type memlogLog struct{ log *memlog.Log }

func openMemlog(r room) (log, error) {
	l, err := memlog.New(context.Background(), memlog.WithMaxSegmentSize(r.records+1))
	return &memlogLog{l}, err
}

func (l *memlogLog) close() {}

func (l *memlogLog) put(r *record) error {
	_, err := l.log.Write(context.Background(), r.both)
	return err
}

// putBatch writes one by one: there is nothing else.
func (l *memlogLog) putBatch(batch []record) error {
	for i := range batch {
		if err := l.put(&batch[i]); err != nil {
			return err
		}
	}
	return nil
}

func (l *memlogLog) read(s *sink) error {
	buf := make([]memlog.Record, readBatch)
	for next := memlog.Offset(0); ; {
		n, err := l.log.ReadBatch(context.Background(), next, buf)
		for i := range buf[:n] {
			s.take(buf[i].Data)
		}
		next += memlog.Offset(n)
		if errors.Is(err, memlog.ErrFutureOffset) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (l *memlogLog) follow(ctx context.Context, ready func(), got func([]byte)) error {
	stream := l.log.Stream(ctx, 0)
	ready()
	for {
		r, ok := stream.Next()
		if !ok {
			return ended(ctx, stream.Err())
		}
		got(r.Data[keyBytes:])
	}
}

// A shardedLog is an embano1/memlog with shards.
type shardedLog struct {
	log *sharded.Log
	of  [weirShards][]byte // a key of each shard
}

func openSharded(r room) (log, error) {
	most := r.records
	if !r.skewed {
		most = most*3/2/weirShards + keys // keys are not spread evenly
	}
	l, err := sharded.New(context.Background(), sharded.WithNumShards(weirShards), sharded.WithMaxSegmentSize(most+1))
	s := &shardedLog{log: l}
	for i, found := 0, 0; found < weirShards; i++ {
		key := []byte{byte(i), byte(i >> 8)}
		if n := memlogShard(key); s.of[n] == nil {
			s.of[n] = key
			found++
		}
	}
	return s, err
}

// memlogShard returns the shard of a key, as the default sharder does.
func memlogShard(key []byte) int {
	h := fnv.New32a()
	h.Write(key)
	return max(int(int32(h.Sum32())%weirShards), -int(int32(h.Sum32())%weirShards))
}

func (l *shardedLog) close() {}

func (l *shardedLog) put(r *record) error {
	_, err := l.log.Write(context.Background(), r.both[:len(r.key)], r.both)
	return err
}

func (l *shardedLog) putBatch(batch []record) error {
	for i := range batch {
		if err := l.put(&batch[i]); err != nil {
			return err
		}
	}
	return nil
}

func (l *shardedLog) read(s *sink) error {
	for _, key := range l.of {
		for next := memlog.Offset(0); ; next++ {
			r, err := l.log.Read(context.Background(), key, next)
			if errors.Is(err, memlog.ErrFutureOffset) {
				break
			}
			if err != nil {
				return err
			}
			s.take(r.Data)
		}
	}
	return nil
}
