package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

const pushes = 3000

// push measures how long it takes from the sending of a PutRecord until the record
// is with a subscriber, both over loopback. It returns the sorted times.
func push(ctx context.Context, s *server, http2 bool) ([]time.Duration, error) {
	stream := uniqueStream("push")
	if err := s.create(stream, 1); err != nil {
		return nil, err
	}
	defer s.remove(stream)
	events, err := s.subscribe(ctx, stream, http2)
	if err != nil {
		return nil, err
	}
	defer events.Close()
	c, err := dial(s.addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	put := request("/", "PutRecord", putRecord(stream, 1))
	took := make([]time.Duration, pushes)
	for i := range took {
		arrived := make(chan error, 1)
		var at time.Time
		go func() {
			err := nextRecord(events)
			at = time.Now()
			arrived <- err
		}()
		start := time.Now()
		if err := c.ok(put); err != nil {
			return nil, fmt.Errorf("PutRecord: %w", err)
		}
		if err := <-arrived; err != nil {
			return nil, err
		}
		took[i] = at.Sub(start)
	}
	slices.Sort(took)
	return took, nil
}

// subscribe returns the events of a stream's only shard.
func (s *server) subscribe(ctx context.Context, stream string, http2 bool) (io.ReadCloser, error) {
	var summary struct {
		StreamDescriptionSummary struct{ StreamARN string }
	}
	if _, err := s.call("DescribeStreamSummary", map[string]any{"StreamName": stream}, &summary); err != nil {
		return nil, err
	}
	var registered struct{ Consumer struct{ ConsumerARN string } }
	if _, err := s.call("RegisterStreamConsumer", map[string]any{
		"StreamARN": summary.StreamDescriptionSummary.StreamARN, "ConsumerName": "c",
	}, &registered); err != nil {
		return nil, err
	}
	body, err := json.Marshal(map[string]any{
		"ConsumerARN": registered.Consumer.ConsumerARN, "ShardId": "shardId-000000000000",
		"StartingPosition": map[string]any{"Type": "LATEST"},
	})
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.addr+"/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("X-Amz-Target", "Kinesis_20131202.SubscribeToShard")
	var protocols http.Protocols
	protocols.SetHTTP1(!http2)
	protocols.SetUnencryptedHTTP2(http2)
	resp, err := (&http.Transport{Protocols: &protocols}).RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("SubscribeToShard: %s", resp.Status)
	}
	if _, err := nextFrame(resp.Body); err != nil { // the initial response
		return nil, err
	}
	return resp.Body, nil
}

// nextRecord reads up to the next event that has records.
func nextRecord(events io.Reader) error {
	for {
		frame, err := nextFrame(events)
		if err != nil || bytes.Contains(frame, []byte(`"PartitionKey"`)) {
			return err
		}
	}
}

// nextFrame reads a frame of an event stream; its length stands in its first four
// bytes.
func nextFrame(events io.Reader) ([]byte, error) {
	const prelude = 12
	var begin [prelude]byte
	if _, err := io.ReadFull(events, begin[:]); err != nil {
		return nil, err
	}
	rest := make([]byte, binary.BigEndian.Uint32(begin[:])-prelude)
	_, err := io.ReadFull(events, rest)
	return rest, err
}

// pushAside is push in a goroutine of its own: that of main is tied to a thread,
// and pays for it at each wait.
func pushAside(ctx context.Context, s *server, http2 bool) (took []time.Duration, err error) {
	done := make(chan struct{})
	go func() {
		took, err = push(ctx, s, http2)
		close(done)
	}()
	<-done
	return took, err
}
