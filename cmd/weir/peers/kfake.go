package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A kfakeLog is a fake Kafka cluster of one broker, and a producer.
type kfakeLog struct {
	cluster  *kfake.Cluster
	producer *kgo.Client
	failed   atomic.Pointer[error] // of a Produce
	stored   int
	groups   int // that processed it
}

const (
	kafkaTopic      = "peer"
	kafkaFetchBytes = 16 << 20
	kafkaBatchBytes = 1 << 20
)

func openKfake(room) (log, error) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(weirShards, kafkaTopic))
	if err != nil {
		return nil, err
	}
	l := &kfakeLog{cluster: cluster}
	l.producer, err = kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.DefaultProduceTopic(kafkaTopic),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerBatchMaxBytes(kafkaBatchBytes),
		kgo.ProducerLinger(0), kgo.MaxBufferedRecords(readBatch*10))
	if err != nil {
		cluster.Close()
		return nil, err
	}
	return l, nil
}

func (l *kfakeLog) close() {
	l.producer.Close()
	l.cluster.Close()
}

func (l *kfakeLog) put(r *record) error {
	l.stored++
	return l.producer.ProduceSync(context.Background(), &kgo.Record{Key: r.both[:len(r.key)], Value: r.data}).FirstErr()
}

func (l *kfakeLog) putBatch(batch []record) error {
	records := make([]kgo.Record, len(batch))
	for i := range batch {
		records[i].Key, records[i].Value = batch[i].both[:len(batch[i].key)], batch[i].data
		l.producer.Produce(context.Background(), &records[i], l.produced)
	}
	l.stored += len(batch)
	return nil
}

func (l *kfakeLog) produced(_ *kgo.Record, err error) {
	if err != nil {
		l.failed.Store(&err)
	}
}

func (l *kfakeLog) flush() error {
	if err := l.producer.Flush(context.Background()); err != nil {
		return err
	}
	if failed := l.failed.Load(); failed != nil {
		return *failed
	}
	return nil
}

func (l *kfakeLog) read(s *sink) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	want := s.records + l.stored
	return l.consume(ctx, func() {}, func(data []byte) {
		if s.take(data); s.records == want {
			cancel()
		}
	})
}

func (l *kfakeLog) follow(ctx context.Context, ready func(), got func([]byte)) error {
	return l.consume(ctx, ready, got)
}

// consume calls got with what the topic has until ctx ends.
func (l *kfakeLog) consume(ctx context.Context, ready func(), got func([]byte)) error {
	assigned := make(map[int32]kgo.Offset)
	for n := range int32(weirShards) {
		assigned[n] = kgo.NewOffset().AtStart()
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(l.cluster.ListenAddrs()...),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{kafkaTopic: assigned}),
		kgo.FetchMaxBytes(kafkaFetchBytes), kgo.FetchMaxPartitionBytes(kafkaFetchBytes))
	if err != nil {
		return err
	}
	defer client.Close()
	ready()
	for ctx.Err() == nil {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
		fetches.EachRecord(func(r *kgo.Record) { got(r.Value) })
	}
	return nil
}

// process is a consumer group of one member that commits what it was given after
// each poll.
func (l *kfakeLog) process(n int, t *tally) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	l.groups++
	client, err := kgo.NewClient(kgo.SeedBrokers(l.cluster.ListenAddrs()...),
		kgo.ConsumerGroup(fmt.Sprint("group-", l.groups)), kgo.ConsumeTopics(kafkaTopic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(), kgo.FetchMaxBytes(kafkaFetchBytes), kgo.FetchMaxPartitionBytes(kafkaFetchBytes))
	if err != nil {
		return err
	}
	defer client.Close()
	for got := 0; got < n; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return err
		}
		got = t.handle(func(s *sink) {
			fetches.EachRecord(func(r *kgo.Record) { s.take(r.Value) })
		})
		if err := client.CommitUncommittedOffsets(ctx); err != nil {
			return err
		}
	}
	return nil
}
