package main

import (
	"context"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
)

// A watermillLog is a gochannel that keeps what is published.
type watermillLog struct {
	channel *gochannel.GoChannel
	batch   []*message.Message
	stored  int
}

const watermillTopic = "peer"

func openWatermill(room) (log, error) {
	return &watermillLog{channel: gochannel.NewGoChannel(gochannel.Config{Persistent: true, OutputChannelBuffer: readBatch}, nil)}, nil
}

func (l *watermillLog) close() { l.channel.Close() }

func (l *watermillLog) put(r *record) error {
	l.stored++
	// The identifier is for debugging, and free to be anything.
	return l.channel.Publish(watermillTopic, message.NewMessage(r.key, r.data))
}

func (l *watermillLog) putBatch(batch []record) error {
	l.batch = l.batch[:0]
	for i := range batch {
		l.batch = append(l.batch, message.NewMessage(batch[i].key, batch[i].data))
	}
	l.stored += len(batch)
	return l.channel.Publish(watermillTopic, l.batch...)
}

func (l *watermillLog) read(s *sink) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	messages, err := l.channel.Subscribe(ctx, watermillTopic)
	if err != nil {
		return err
	}
	for range l.stored {
		m := <-messages
		s.take(m.Payload)
		m.Ack()
	}
	return nil
}

func (l *watermillLog) follow(ctx context.Context, ready func(), got func([]byte)) error {
	messages, err := l.channel.Subscribe(ctx, watermillTopic)
	if err != nil {
		return err
	}
	ready()
	for m := range messages {
		got(m.Payload)
		m.Ack()
	}
	return nil
}
