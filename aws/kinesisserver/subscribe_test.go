package kinesisserver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/aws/kinesisserver"
)

const streamARN = "arn:aws:kinesis:us-east-1:123456789012:stream/s"

// withConsumer registers the consumer c of the stream s.
func (s *server) withConsumer() (consumerARN string) {
	out := s.must("RegisterStreamConsumer", `{"StreamARN":"`+streamARN+`","ConsumerName":"c"}`)
	return out["Consumer"].(map[string]any)["ConsumerARN"].(string)
}

// A subscription lasts for minutes, and would hold for as long what its request
// came in: a few with much white space held all bytes that there are.
func TestSubscribe_holdsNoBytesInFlight(t *testing.T) {
	var log bytes.Buffer
	s := newServer(t, func(c *kinesisserver.Config) {
		c.MaxInFlightBytes, c.Log = 1<<20, slog.New(slog.NewTextHandler(&log, nil))
	}).withStream()
	body := subscribeBody(s.withConsumer(), "0", "LATEST") + strings.Repeat(" ", 700_000)
	sub := s.subscribe(t.Context(), body)
	require.Equal(t, http.StatusOK, sub.status)
	_, _, _, err := sub.next()
	require.NoError(t, err)
	record := `{"StreamName":"s","PartitionKey":"k","Data":"` + strings.Repeat("AAAA", 200_000) + `"}`
	put := s.call("PutRecord", record)
	// While an event is made out, the first one of no records too, it holds what it
	// might take. That passes.
	for range 100_000 {
		if put.status != http.StatusServiceUnavailable {
			break
		}
		runtime.Gosched()
		put = s.call("PutRecord", record)
	}
	assert.Equal(t, http.StatusOK, put.status, string(put.body))
	sub.close()
	assert.Contains(t, log.String(), "operation=SubscribeToShard status=200")
	assert.Contains(t, log.String(), "received="+strconv.Itoa(len(body)))
}

// A subscriber is a response that is read while it is written.
type subscriber struct {
	t      testing.TB
	status int
	header http.Header
	body   *io.PipeReader
	frames *eventstream.Decoder
	done   chan struct{}
	cancel context.CancelFunc
}

// subscribe calls SubscribeToShard in process.
func (s *server) subscribe(ctx context.Context, body string) *subscriber {
	return s.subscribeIn(ctx, jsonType, []byte(body))
}

func (s *server) subscribeIn(ctx context.Context, contentType string, body []byte) *subscriber {
	ctx, cancel := context.WithCancel(ctx)
	r, w := io.Pipe()
	sub := &subscriber{t: s.t, body: r, frames: eventstream.NewDecoder(), done: make(chan struct{}), cancel: cancel}
	started := make(chan struct{})
	p := &pipeWriter{w: w, header: make(http.Header), sub: sub, started: started}
	go func() {
		defer close(sub.done)
		defer w.Close()
		s.handler.ServeHTTP(p, request("SubscribeToShard", contentType, body).WithContext(ctx))
	}()
	<-started
	return sub
}

// A pipeWriter is a ResponseWriter that hands on what is flushed.
type pipeWriter struct {
	w       *io.PipeWriter
	header  http.Header
	buf     bytes.Buffer
	sub     *subscriber
	started chan struct{}
	once    sync.Once
}

func (p *pipeWriter) Header() http.Header { return p.header }

func (p *pipeWriter) WriteHeader(status int) {
	p.once.Do(func() {
		p.sub.status, p.sub.header = status, p.header.Clone()
		close(p.started)
	})
}

func (p *pipeWriter) Write(b []byte) (int, error) {
	if p.sub.status != http.StatusOK {
		return len(b), nil
	}
	return p.buf.Write(b)
}

// FlushError hands on what was written, and waits until it is read.
func (p *pipeWriter) FlushError() error {
	_, err := p.buf.WriteTo(p.w)
	p.buf = bytes.Buffer{} // or the test would keep room for the largest
	return err
}

// next returns the next frame: its kind, its type and its payload. The decoder
// checks its CRCs.
func (sub *subscriber) next() (kind, typ, payload string, err error) {
	m, err := sub.frames.Decode(sub.body, nil)
	if err != nil {
		return "", "", "", err
	}
	kind = m.Headers.Get(":message-type").String()
	typ = m.Headers.Get(":" + kind + "-type").String()
	assert.Equal(sub.t, "application/json", m.Headers.Get(":content-type").String())
	return kind, typ, string(m.Payload), nil
}

// event returns the next event.
func (sub *subscriber) event() map[string]any {
	sub.t.Helper()
	kind, typ, payload, err := sub.next()
	require.NoError(sub.t, err)
	require.Equal(sub.t, "event SubscribeToShardEvent", kind+" "+typ, payload)
	var m map[string]any
	require.NoError(sub.t, json.Unmarshal([]byte(payload), &m))
	return m
}

// initial reads the frame that comes first.
func (sub *subscriber) initial() {
	sub.t.Helper()
	require.Equal(sub.t, http.StatusOK, sub.status)
	assert.Equal(sub.t, "application/vnd.amazon.eventstream", sub.header.Get("Content-Type"))
	kind, typ, payload, err := sub.next()
	require.NoError(sub.t, err)
	assert.Equal(sub.t, "event initial-response {}", kind+" "+typ+" "+payload)
}

// close breaks the connection off, and waits for the handler.
func (sub *subscriber) close() {
	sub.cancel()
	sub.body.Close()
	<-sub.done
}

func subscribeBody(consumer, shard, position string) string {
	return `{"ConsumerARN":"` + consumer + `","ShardId":"` + shard + `","StartingPosition":{"Type":"` + position + `"}}`
}

// inBubble runs a test in virtual time, with an account that reads the bubble's
// clock.
func inBubble(t *testing.T, f func(t *testing.T, s *server)) {
	synctest.Test(t, func(t *testing.T) {
		accounts := account.Instant()
		accounts.Now = time.Now
		f(t, newServerOf(t, accounts, func(c *kinesisserver.Config) { c.Now = time.Now }).withStream())
	})
}

func TestSubscribe_idle_126(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		sub := s.subscribe(t.Context(), subscribeBody(s.withConsumer(), "shardId-000000000000", "LATEST"))
		defer sub.close()
		start := time.Now()
		sub.initial()
		assert.Zero(t, time.Since(start), "the first frame comes at once")
		last := ""
		for i := range 3 {
			e := sub.event()
			assert.Equal(t, []any{}, e["Records"])
			assert.Equal(t, 0.0, e["MillisBehindLatest"])
			number := e["ContinuationSequenceNumber"].(string) // of 56 digits each, so that text compares as numbers do
			assert.Greater(t, number, last)
			last = number
			assert.NotContains(t, e, "ChildShards")
			assert.LessOrEqual(t, time.Since(start), time.Duration(i)*5*time.Second+time.Second)
		}
	})
}

func TestSubscribe_pushes(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		sub := s.subscribe(t.Context(), subscribeBody(s.withConsumer(), "0", "TRIM_HORIZON"))
		defer sub.close()
		sub.initial()
		for e := sub.event(); len(e["Records"].([]any)) > 0; {
			t.Fatal("records before any was put")
		}
		put := s.must("PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":"AAE="}`)
		before := time.Now()
		e := sub.event()
		assert.Zero(t, time.Since(before))
		require.Len(t, e["Records"], 1)
		assert.Equal(t, map[string]any{"SequenceNumber": put["SequenceNumber"], "PartitionKey": "a", "Data": "AAE=",
			"ApproximateArrivalTimestamp": float64(before.UnixMilli()) / 1000}, e["Records"].([]any)[0])
	})
}

// A request in CBOR has the same events, in JSON.
func TestSubscribe_inCBOR(t *testing.T) {
	s := newServer(t).withStream()
	s.must("PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":"AAE="}`)
	body := subscribeBody(s.withConsumer(), "0", "TRIM_HORIZON")
	first := func(contentType string, body []byte) map[string]any {
		sub := s.subscribeIn(t.Context(), contentType, body)
		defer sub.close()
		sub.initial()
		return sub.event()
	}
	want := first(jsonType, []byte(body))
	require.Len(t, want["Records"], 1)
	s.clock.Advance(6 * time.Second)
	got := first(cborType, toCBOR(t, body))
	assert.Equal(t, want["Records"], got["Records"])
}

func TestSubscribe_fiveMinutes_127(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		start := time.Now()
		sub := s.subscribe(t.Context(), subscribeBody(s.withConsumer(), "0", "LATEST"))
		sub.initial()
		for {
			kind, _, _, err := sub.next()
			if err == io.EOF {
				break
			}
			require.NoError(t, err)
			require.Equal(t, "event", kind)
		}
		assert.Equal(t, 5*time.Minute, time.Since(start))
		<-sub.done
	})
}

func TestSubscribe_twice_124_125(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		consumer := s.withConsumer()
		first := s.subscribe(t.Context(), subscribeBody(consumer, "0", "LATEST"))
		defer first.close()
		first.initial()
		time.Sleep(2 * time.Second)
		r := s.call("SubscribeToShard", subscribeBody(consumer, "0", "LATEST"))
		code, message := r.failure(t)
		assert.Equal(t, http.StatusBadRequest, r.status)
		assert.Equal(t, iu, code)
		assert.Equal(t, "Another active subscription exists for this consumer: 123456789012:s:shardId-000000000000:c", message)

		time.Sleep(3 * time.Second)
		second := s.subscribe(t.Context(), subscribeBody(consumer, "0", "LATEST"))
		defer second.close()
		second.initial()
		for {
			kind, typ, payload, err := first.next()
			require.NoError(t, err)
			if kind == "exception" {
				assert.Equal(t, iu, typ)
				assert.Contains(t, payload, `{"message":"`)
				break
			}
		}
		_, _, _, err := first.next()
		assert.Equal(t, io.EOF, err)
	})
}

func TestSubscribe_closedShard_128(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.must("PutRecord", `{"StreamName":"s","PartitionKey":"a","Data":"AAE="}`)
		s.must("SplitShard", `{"StreamName":"s","ShardToSplit":"0","NewStartingHashKey":"1000"}`)
		sub := s.subscribe(t.Context(), subscribeBody(s.withConsumer(), "0", "TRIM_HORIZON"))
		sub.initial()
		var last map[string]any
		records := 0
		for {
			_, _, payload, err := sub.next()
			if err == io.EOF {
				break
			}
			require.NoError(t, err)
			last = nil
			require.NoError(t, json.Unmarshal([]byte(payload), &last))
			records += len(last["Records"].([]any))
		}
		assert.Equal(t, 1, records)
		assert.NotContains(t, last, "ContinuationSequenceNumber")
		require.Len(t, last["ChildShards"], 2)
		assert.Equal(t, map[string]any{"ShardId": "shardId-000000000003", "ParentShards": []any{"shardId-000000000000"},
			"HashKeyRange": map[string]any{"StartingHashKey": "0", "EndingHashKey": "999"}}, last["ChildShards"].([]any)[0])
		<-sub.done
	})
}

func TestSubscribe_consumerGoes(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		sub := s.subscribe(t.Context(), subscribeBody(s.withConsumer(), "0", "LATEST"))
		defer sub.close()
		sub.initial()
		s.must("DeregisterStreamConsumer", `{"StreamARN":"`+streamARN+`","ConsumerName":"c"}`)
		for {
			kind, typ, _, err := sub.next()
			require.NoError(t, err)
			if kind == "exception" {
				assert.Equal(t, nf, typ)
				return
			}
		}
	})
}

func TestSubscribe_refusedBefore_123(t *testing.T) {
	accounts := account.Instant()
	accounts.Delays.Consumer = time.Second
	s := newServerOf(t, accounts).withStream()
	consumer := s.withConsumer()
	code, message := s.call("SubscribeToShard", subscribeBody(consumer, "0", "LATEST")).failure(t)
	assert.Equal(t, iu, code)
	assert.Equal(t, "Consumer c with creation timestamp 1793534400 under stream: s , account 123456789012 is not in ACTIVE status.", message)
	s.clock.Advance(time.Second)
	code, _ = s.call("SubscribeToShard", subscribeBody(consumer, "9", "LATEST")).failure(t)
	assert.Equal(t, nf, code)
	got := fromCBOR(t, s.callCBOR("SubscribeToShard", subscribeBody(consumer, "9", "LATEST")).body)
	assert.Equal(t, nf, got["__type"], "errors before the stream are in the request's protocol")
}

// A client that goes away in the middle leaves nothing behind.
func TestSubscribe_disconnect(t *testing.T) {
	answered := make(chan string, 100)
	s := newServer(t, func(c *kinesisserver.Config) { c.Log = slog.New(operationsTo{c: answered}) }).withStream()
	consumer := s.withConsumer()
	addr := s.listen()
	for _, w := range wires[:2] {
		client, url := s.client(w, addr)
		ctx, cancel := context.WithCancel(t.Context())
		r, err := http.NewRequestWithContext(ctx, "POST", url, strings.NewReader(subscribeBody(consumer, "0", "LATEST")))
		require.NoError(t, err)
		r.Header.Set("X-Amz-Target", "Kinesis_20131202.SubscribeToShard")
		r.Header.Set("Content-Type", jsonType)
		resp, err := client.Do(r)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, resp.StatusCode)
		assert.Equal(t, w.proto, resp.Proto)
		_, err = eventstream.NewDecoder().Decode(resp.Body, nil)
		require.NoError(t, err)
		assert.Contains(t, s.metricsText(), "weir_subscriptions 1\n")
		cancel()
		resp.Body.Close()
		for <-answered != "SubscribeToShard" {
		}
		assert.Contains(t, s.metricsText(), "weir_subscriptions 0\n")
		s.clock.Advance(6 * time.Second)
	}
}

// operationsTo is a log of which operations were answered.
type operationsTo struct {
	slog.Handler
	c chan<- string
}

func (operationsTo) Enabled(context.Context, slog.Level) bool { return true }

func (o operationsTo) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "operation" {
			o.c <- a.Value.String()
		}
		return true
	})
	return nil
}

func (s *server) metricsText() string {
	return string(s.do(httptest.NewRequest("GET", "/_weir/metrics", nil)).body)
}

func TestSubscribe_limit(t *testing.T) {
	s := newServer(t, func(c *kinesisserver.Config) { c.MaxSubscriptions = 1 }).withStream()
	consumer := s.withConsumer()
	sub := s.subscribe(t.Context(), subscribeBody(consumer, "0", "LATEST"))
	sub.initial()
	code, _ := s.call("SubscribeToShard", subscribeBody(consumer, "1", "LATEST")).failure(t)
	assert.Equal(t, le, code)
	sub.close()
	next := s.subscribe(t.Context(), subscribeBody(consumer, "1", "LATEST"))
	next.initial()
	next.close()
}

// Shutdown ends subscriptions at once and cleanly.
func TestSubscribe_shutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, overTLS).withStream()
		consumer := s.withConsumer()
		l := newMemoryListener()
		shutdown := s.serve(l)
		var streams sync.WaitGroup
		for i, w := range wires {
			client, url := s.client(w, "127.0.0.1")
			client.Transport.(*http.Transport).DialContext = l.dial
			s.clock.Advance(6 * time.Second)
			out, err := newSDK(client, url).SubscribeToShard(t.Context(), &kinesis.SubscribeToShardInput{
				ConsumerARN: &consumer, ShardId: aws.String(strconv.Itoa(i % 3)), StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeLatest}})
			require.NoError(t, err, w.name)
			streams.Go(func() {
				for range out.GetStream().Events() {
				}
				out.GetStream().Close()
			})
		}
		synctest.Wait()
		start := time.Now()
		shutdown()
		assert.Less(t, time.Since(start), time.Second)
		streams.Wait()
	})
}
