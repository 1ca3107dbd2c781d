package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
)

// A jetStreamLog is a NATS server in this process with a stream in memory. What is
// faster over the in-process connection uses that, and reading, which is faster
// over loopback, uses that.
type jetStreamLog struct {
	server  *server.Server
	dir     string
	inside  jetstream.JetStream
	outside jetstream.JetStream
	fast    jetstreamext.FastPublisher // of the batches since the last flush, or nil
	stored  int
	groups  int // that processed it
}

const (
	jetStreamName = "peer"
	// fastFlow and fastOutstanding were the best of those tried.
	fastFlow        = 500
	fastOutstanding = 2
	peerPatience    = 10 * time.Second
)

func openJetStream(room) (_ log, err error) {
	l := new(jetStreamLog)
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if l.dir, err = os.MkdirTemp("", "weir-peers-"); err != nil {
		return nil, err
	}
	l.server, err = server.NewServer(&server.Options{
		JetStream: true, StoreDir: l.dir, Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true,
	})
	if err != nil {
		return nil, err
	}
	l.server.Start()
	if !l.server.ReadyForConnections(peerPatience) {
		return nil, errors.New("jetstream: the server is not ready")
	}
	if l.inside, err = dialJetStream("", nats.InProcessServer(l.server)); err != nil {
		return nil, err
	}
	if l.outside, err = dialJetStream(l.server.ClientURL()); err != nil {
		return nil, err
	}
	_, err = l.inside.CreateStream(context.Background(), jetstream.StreamConfig{
		Name: jetStreamName, Subjects: []string{jetStreamName}, Storage: jetstream.MemoryStorage, AllowBatchPublish: true,
	})
	return l, err
}

func dialJetStream(url string, options ...nats.Option) (jetstream.JetStream, error) {
	c, err := nats.Connect(url, options...)
	if err != nil {
		return nil, err
	}
	return jetstream.New(c)
}

func (l *jetStreamLog) close() {
	for _, js := range []jetstream.JetStream{l.inside, l.outside} {
		if js != nil {
			js.Conn().Close()
		}
	}
	if l.server != nil {
		l.server.Shutdown()
		l.server.WaitForShutdown()
	}
	os.RemoveAll(l.dir)
}

func (l *jetStreamLog) put(r *record) error {
	_, err := l.inside.Publish(context.Background(), jetStreamName, r.both)
	l.stored++
	return err
}

func (l *jetStreamLog) putBatch(batch []record) (err error) {
	if l.fast == nil {
		l.fast, err = jetstreamext.NewFastPublisher(l.inside, jetstreamext.FastPublishFlowControl{
			Flow: fastFlow, MaxOutstandingAcks: fastOutstanding,
		})
		if err != nil {
			return err
		}
	}
	for i := range batch {
		if _, err := l.fast.Add(jetStreamName, batch[i].both); err != nil {
			return err
		}
	}
	l.stored += len(batch)
	return nil
}

// flush ends the batches that were put, and checks that all are stored.
func (l *jetStreamLog) flush() error {
	if l.fast == nil {
		return nil
	}
	ack, err := l.fast.Close(context.Background())
	l.fast = nil
	if err == nil && ack.Sequence != uint64(l.stored) {
		err = fmt.Errorf("jetstream: %d records stored of %d", ack.Sequence, l.stored)
	}
	return err
}

func (l *jetStreamLog) read(s *sink) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	want := s.records + l.stored
	return l.consume(ctx, func() {}, func(data []byte) {
		if s.take(data); s.records == want {
			cancel()
		}
	})
}

func (l *jetStreamLog) follow(ctx context.Context, ready func(), got func([]byte)) error {
	return l.consume(ctx, ready, func(data []byte) { got(data[keyBytes:]) })
}

// consume calls got with what the stream has until ctx ends.
func (l *jetStreamLog) consume(ctx context.Context, ready func(), got func([]byte)) error {
	consumer, err := l.outside.CreateConsumer(context.Background(), jetStreamName, jetstream.ConsumerConfig{
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true,
	})
	if err != nil {
		return err
	}
	running, err := consumer.Consume(func(m jetstream.Msg) { got(m.Data()) }, jetstream.PullMaxMessages(readBatch))
	if err != nil {
		return err
	}
	ready()
	<-ctx.Done()
	running.Stop()
	<-running.Closed()
	return nil
}

// process is a durable consumer whose messages are acknowledged one by one. An
// acknowledgement is sent and not waited for; the server's count at the end says
// that it has all.
func (l *jetStreamLog) process(n int, t *tally) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	l.groups++
	consumer, err := l.outside.CreateConsumer(ctx, jetStreamName, jetstream.ConsumerConfig{
		Durable: fmt.Sprint("group-", l.groups), AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: 2 * readBatch, MemoryStorage: true,
	})
	if err != nil {
		return err
	}
	all := make(chan error, 1)
	running, err := consumer.Consume(func(m jetstream.Msg) {
		got := t.handle(func(s *sink) { s.take(m.Data()) })
		if err := m.Ack(); err != nil || got == n {
			select {
			case all <- err:
			default:
			}
		}
	}, jetstream.PullMaxMessages(readBatch))
	if err != nil {
		return err
	}
	defer func() {
		running.Stop()
		<-running.Closed()
	}()
	select {
	case err = <-all:
	case <-ctx.Done():
		err = ctx.Err()
	}
	for err == nil { // the request comes after the acknowledgements
		var info *jetstream.ConsumerInfo
		if info, err = consumer.Info(ctx); err == nil && info.AckFloor.Stream == uint64(n) {
			return nil
		}
	}
	return err
}
