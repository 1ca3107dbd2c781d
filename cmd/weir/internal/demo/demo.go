// Package demo runs events through a stream: several producers put them, keyed
// by client, while readers count them by minute, status and page. It measures
// what happens on the way and proves what came out: each event carries its
// number within its key, so that a loss, a repeat or a change of order shows.
package demo

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/cmd/weir/internal/input"
)

// The bounds of a Config.
const (
	MaxShards    = 1024
	MaxProducers = 256
)

// A Source gives the events in the order in which they are to be put.
type Source interface {
	// Next returns the next event, or [io.EOF] after the last one.
	Next() (input.Event, error)
}

// A Config says what to run.
type Config struct {
	// Source gives the events.
	Source Source
	// Parse reads an event from its Raw once more, for the readers. Several
	// goroutines call it.
	Parse input.Parser
	// Shards is how many shards the stream has, 1 to MaxShards.
	Shards int
	// Producers is how many goroutines put, 1 to MaxProducers.
	Producers int
	// Limits are the stream's. The zero value means the service's.
	Limits weir.Limits
	// Speed replays the events at this multiple of the time they were recorded
	// in. Zero means as fast as the limits allow.
	Speed float64
	// Progress, unless nil, is called a few times a second, always by the same
	// goroutine.
	Progress func(Progress)
}

func (c Config) check() error {
	if c.Shards < 1 || c.Shards > MaxShards {
		return fmt.Errorf("shards: %d is outside 1 to %d", c.Shards, MaxShards)
	}
	if c.Producers < 1 || c.Producers > MaxProducers {
		return fmt.Errorf("producers: %d is outside 1 to %d", c.Producers, MaxProducers)
	}
	if c.Speed < 0 {
		return fmt.Errorf("speed: %v is negative", c.Speed)
	}
	return nil
}

// What bounds the memory of a run, however long its input is: what readers have
// not seen yet, and what the stream holds in all. The stream drops the oldest
// records. They have been read by then: the producers are held up long before a
// shard with a 25th of the load or more has an unread record among them.
const (
	unreadBytes = 16 << 20
	heldBytes   = 256 << 20
)

// A run is the pipeline while it works.
type run struct {
	config    Config
	stream    *weir.Stream
	start     time.Time
	unread    *semaphore.Weighted // bytes handed to producers and not yet read
	producers []*producer
	consumers []*consumer
	puts      *putLatencies
	reads     *readLatencies
	timeline  *timeline
}

// Run runs the events through a new stream, and returns what was seen when all
// of them have been read. When ctx ends it stops putting, lets the readers
// finish, and returns what there is, marked as interrupted. The error is that
// of the source, or of a stream that breaks a promise.
func Run(ctx context.Context, c Config) (*Result, error) {
	r, err := newRun(c)
	if err != nil {
		return nil, err
	}
	defer r.close()
	watched := make(chan struct{})
	stopWatching := make(chan struct{})
	go func() {
		defer close(watched)
		r.watch(stopWatching)
	}()
	err = r.pump(ctx)
	duration := time.Since(r.start) // before the last look, which takes time
	close(stopWatching)
	<-watched
	if err != nil {
		return nil, err
	}
	return r.result(duration, ctx.Err() != nil), nil
}

func newRun(c Config) (*run, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	stream, err := weir.NewStream("clicks", weir.Config{
		Shards: c.Shards, Limits: c.Limits, MaxBytes: heldBytes, WhenFull: weir.DropOldest,
	})
	if err != nil {
		return nil, err
	}
	r := &run{
		config: c, stream: stream, start: time.Now(),
		unread: semaphore.NewWeighted(unreadBytes),
		puts:   newPutLatencies(), reads: newReadLatencies(), timeline: newTimeline(),
	}
	for range c.Producers {
		r.producers = append(r.producers, newProducer(r))
	}
	for _, shard := range stream.Shards() {
		reader, err := stream.NewReader("status-counts/"+shard.ID.String(), weir.TrimHorizon().In(shard.ID))
		if err != nil {
			return nil, err
		}
		r.consumers = append(r.consumers, newConsumer(r, reader))
	}
	return r, nil
}

func (r *run) close() {
	for _, c := range r.consumers {
		c.reader.Close()
	}
}

// pump moves all events. When the producers have finished, every acknowledged
// record is readable, so the readers end at the tip: no waiting, no guessing.
func (r *run) pump(ctx context.Context) error {
	all, ctx := errgroup.WithContext(ctx)
	reading, stopReading := context.WithCancel(context.WithoutCancel(ctx))
	defer stopReading()
	for _, c := range r.consumers {
		all.Go(func() error { return c.loop(reading) })
	}
	all.Go(func() error {
		defer stopReading()
		return r.write(ctx)
	})
	return all.Wait()
}

// write feeds the producers until the source or ctx ends.
func (r *run) write(ctx context.Context) error {
	writers, ctx := errgroup.WithContext(ctx)
	for _, p := range r.producers {
		writers.Go(func() error { return p.loop(ctx) })
	}
	writers.Go(func() error {
		err := r.feed(ctx)
		for _, p := range r.producers {
			close(p.events)
		}
		return err
	})
	return writers.Wait()
}

// since returns the time since the run began.
func (r *run) since() time.Duration { return time.Since(r.start) }
