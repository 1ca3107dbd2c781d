package main

import (
	"context"
	"slices"
)

// A channelLog is two channels: of records, and of batches. Only one is used.
type channelLog struct {
	records chan sent
	batches chan []sent
}

// A sent is what goes through a channel.
type sent struct {
	key  string
	data []byte
}

func openChannel(r room) (log, error) {
	return &channelLog{records: make(chan sent, r.records), batches: make(chan []sent, r.records/batchSize+1)}, nil
}

func (l *channelLog) close() {}

func (l *channelLog) put(r *record) error {
	l.records <- sent{r.key, slices.Clone(r.data)}
	return nil
}

func (l *channelLog) putBatch(batch []record) error {
	size := 0
	for i := range batch {
		size += len(batch[i].data)
	}
	block, list := make([]byte, 0, size), make([]sent, len(batch))
	for i := range batch {
		begin := len(block)
		block = append(block, batch[i].data...)
		list[i] = sent{batch[i].key, block[begin:len(block):len(block)]}
	}
	l.batches <- list
	return nil
}

func (l *channelLog) drains() {}

func (l *channelLog) read(s *sink) error {
	for range len(l.records) {
		s.take((<-l.records).data)
	}
	for range len(l.batches) {
		list := <-l.batches
		for i := range list {
			s.take(list[i].data)
		}
	}
	return nil
}

func (l *channelLog) follow(ctx context.Context, ready func(), got func([]byte)) error {
	ready()
	for {
		select {
		case r := <-l.records:
			got(r.data)
		case <-ctx.Done():
			return nil
		}
	}
}
