package main

import (
	"context"
	"errors"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
)

// A jetStreamDiskLog is a NATS server in this process with a stream in files, and
// one connection inside.
type jetStreamDiskLog struct {
	server *server.Server
	client jetstream.JetStream
	batch  []*nats.Msg
}

func openJetStreamDisk(dir string, _ int) (_ diskLog, err error) {
	l := new(jetStreamDiskLog)
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	l.server, err = server.NewServer(&server.Options{
		JetStream: true, StoreDir: dir, SyncAlways: true, DontListen: true, NoLog: true, NoSigs: true,
	})
	if err != nil {
		return nil, err
	}
	l.server.Start()
	if !l.server.ReadyForConnections(peerPatience) {
		return nil, errors.New("jetstream: the server is not ready")
	}
	if l.client, err = dialJetStream("", nats.InProcessServer(l.server)); err != nil {
		return nil, err
	}
	_, err = l.client.CreateOrUpdateStream(context.Background(), jetstream.StreamConfig{
		Name: jetStreamName, Subjects: []string{jetStreamName}, Storage: jetstream.FileStorage, AllowAtomicPublish: true,
	})
	return l, err
}

func (l *jetStreamDiskLog) close() error {
	if l.client != nil {
		l.client.Conn().Close()
	}
	if l.server != nil {
		l.server.Shutdown()
		l.server.WaitForShutdown()
	}
	return nil
}

func (l *jetStreamDiskLog) put(r *record) error {
	_, err := l.client.Publish(context.Background(), jetStreamName, r.both)
	return err
}

func (l *jetStreamDiskLog) putBatch(batch []record) error {
	l.batch = l.batch[:0]
	for i := range batch {
		m := nats.NewMsg(jetStreamName)
		m.Data = batch[i].both
		l.batch = append(l.batch, m)
	}
	_, err := jetstreamext.PublishMsgBatch(context.Background(), l.client, l.batch)
	return err
}

func (l *jetStreamDiskLog) count() (int, error) {
	s, err := l.client.Stream(context.Background(), jetStreamName)
	if err != nil {
		return 0, err
	}
	return int(s.CachedInfo().State.Msgs), nil
}
