package kinesisserver_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/aws/kinesisserver"
)

// listening serves on a socket, and returns its address.
func (s *server) listening(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		s.Shutdown(ctx) // its error is that of ctx
		assert.ErrorIs(t, <-served, http.ErrServerClosed)
	})
	return l.Addr().String()
}

// stalling sends the beginning of a request of an operation, and then neither
// sends nor reads any more.
func stalling(t *testing.T, addr, op string, announced int, body string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	_, err = fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: %s\r\nX-Amz-Target: Kinesis_20131202.%s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
		addr, op, jsonType, announced, body)
	require.NoError(t, err)
	return c
}

// untilOK calls an operation over a socket until it succeeds, and returns how
// often it was told to come again.
func untilOK(t *testing.T, addr, op, body string) (refused int) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+addr+"/", strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("X-Amz-Target", "Kinesis_20131202."+op)
		r.Header.Set("Content-Type", jsonType)
		out, err := client.Do(r)
		if err != nil { // the answer came before the body was sent, and was lost with the connection
			require.NoError(t, t.Context().Err())
			refused++
			continue
		}
		text, err := io.ReadAll(out.Body)
		out.Body.Close()
		if err != nil { // on a busy machine whoever reads may be taken for one who has stalled
			refused++
			continue
		}
		if out.StatusCode == http.StatusOK {
			return refused
		}
		require.Equal(t, http.StatusServiceUnavailable, out.StatusCode, string(text))
		refused++
	}
}

// withMebibytes creates a stream with so many records of about a MiB, and
// returns the body of a GetRecords that asks for them.
func (s *server) withMebibytes(n int) (get string) {
	s.must("CreateStream", `{"StreamName":"s","ShardCount":1}`)
	for range n {
		s.must("PutRecord", fmt.Sprintf(`{"StreamName":"s","PartitionKey":"k","Data":%q}`, strings.Repeat("AAAA", 340_000)))
	}
	it := s.must("GetShardIterator", `{"StreamName":"s","ShardId":"shardId-000000000000","ShardIteratorType":"TRIM_HORIZON"}`)
	return fmt.Sprintf(`{"ShardIterator":%q}`, it["ShardIterator"])
}

// Readers that do not read held whole answers of 13 MiB for two minutes, 2.7
// GiB of 200. While there is no room for others they lose their connection
// after seconds.
func TestServer_stalledReadersGiveWay(t *testing.T) {
	s := newServer(t, func(c *kinesisserver.Config) { c.MaxInFlightBytes = 32 << 20 })
	s.SetStall(50 * time.Millisecond)
	get := s.withMebibytes(10)
	addr := s.listening(t)
	var begun []*http.Response
	for range 4 { // one by one: while several are made out there may be room for one
		answer, err := http.ReadResponse(bufio.NewReader(stalling(t, addr, "GetRecords", len(get), get)), nil)
		require.NoError(t, err)
		begun = append(begun, answer)
	}
	for range 3 {
		untilOK(t, addr, "GetRecords", get)
		large, _ := s.Held()
		assert.LessOrEqual(t, large, int64(32<<20))
	}
	cut := 0
	for _, answer := range begun {
		// What the sockets hold, to the end of the connection or of the answer.
		if _, err := io.Copy(io.Discard, answer.Body); err != nil && answer.StatusCode == http.StatusOK {
			cut++
		}
	}
	assert.Positive(t, cut, "in the middle of an answer")
}

// The same over HTTP/2, where a client that reads nothing of one answer may read
// others.
func TestServer_stalledReadersGiveWayOverHTTP2(t *testing.T) {
	s := newServer(t, func(c *kinesisserver.Config) { c.MaxInFlightBytes = 32 << 20 })
	s.SetStall(50 * time.Millisecond)
	get := s.withMebibytes(10)
	addr := s.listening(t)
	for range 4 {
		transport := &http.Transport{Protocols: new(http.Protocols)}
		transport.Protocols.SetUnencryptedHTTP2(true)
		t.Cleanup(transport.CloseIdleConnections)
		r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+addr+"/", strings.NewReader(get))
		require.NoError(t, err)
		r.Header.Set("X-Amz-Target", "Kinesis_20131202.GetRecords")
		r.Header.Set("Content-Type", jsonType)
		out, err := transport.RoundTrip(r)
		require.NoError(t, err)
		assert.Equal(t, 2, out.ProtoMajor)
		t.Cleanup(func() { out.Body.Close() })
	}
	for range 3 {
		untilOK(t, addr, "GetRecords", get)
	}
}

// Those who stall while they send hold bytes as well.
func TestServer_stalledSendersGiveWay(t *testing.T) {
	s := newServer(t, func(c *kinesisserver.Config) { c.MaxInFlightBytes = 1 << 20 }).withStream()
	s.SetStall(50 * time.Millisecond)
	addr := s.listening(t)
	c := stalling(t, addr, "PutRecord", 8<<20, strings.Repeat("a", 900_000))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		io.Copy(io.Discard, c)
	}()
	// Until it holds what it has sent, or has given way already: on a busy machine
	// it takes longer to send that than a stall may last.
	for large := int64(0); large < 700_000 && !isClosed(ended); large, _ = s.Held() {
		runtime.Gosched()
	}
	untilOK(t, addr, "PutRecord", fmt.Sprintf(`{"StreamName":"s","PartitionKey":"k","Data":%q}`, strings.Repeat("AAAA", 150_000)))
	<-ended
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// A stall is no reason to be cut off while there is room for everybody: a
// debugger may have stopped the client.
func TestServer_stallsWhileThereIsRoom(t *testing.T) {
	s := newServer(t).withStream()
	s.SetStall(time.Nanosecond)
	addr := s.listening(t)
	body := `{"StreamName":"s","PartitionKey":"k","Data":"AAAA"}`
	c := stalling(t, addr, "PutRecord", len(body), body[:10])
	for range 20 {
		assert.Zero(t, untilOK(t, addr, "PutRecord", fmt.Sprintf(`{"StreamName":"s","PartitionKey":"k","Data":%q}`, strings.Repeat("AAAA", 150_000))))
	}
	_, err := io.WriteString(c, body[10:])
	require.NoError(t, err)
	answer := make([]byte, 15)
	_, err = io.ReadFull(c, answer)
	require.NoError(t, err)
	assert.Equal(t, "HTTP/1.1 200 OK", string(answer))
}

// A request counts before it has sent anything: over HTTP/2 one connection has
// hundreds of them.
func TestHandler_requestsInFlight(t *testing.T) {
	s := newServer(t, func(c *kinesisserver.Config) { c.MaxInFlightBytes = 1 << 20 }).withStream()
	var waiting, ended sync.WaitGroup
	done := make(chan struct{})
	const most = 1 << 20 / (16 << 10)
	for range most {
		waiting.Add(1)
		ended.Go(func() {
			s.doSlowly(request("PutRecord", jsonType, nil), "aaaa", waiting.Done, done)
		})
	}
	waiting.Wait()
	assert.Equal(t, http.StatusServiceUnavailable, s.call("ListStreams", `{}`).status)
	close(done)
	ended.Wait()
	assert.Equal(t, http.StatusOK, s.call("ListStreams", `{}`).status)
	large, small := s.Held()
	assert.Zero(t, large)
	assert.Zero(t, small)
}

// putTwentyThousand puts 20,000 records of 75 bytes.
func (s *server) putTwentyThousand() {
	var batch bytes.Buffer
	batch.WriteString(`{"StreamName":"s","Records":[{"PartitionKey":"k","Data":"AAAA"}`)
	for range 499 {
		batch.WriteString(`,{"PartitionKey":"k","Data":"` + strings.Repeat("AAAA", 25) + `"}`)
	}
	batch.WriteString(`]}`)
	for range 40 {
		s.must("PutRecords", batch.String())
	}
}

// A subscription that waits for records holds nothing of the last event: it
// kept the room for its records, and for two copies of what was made of them.
func TestSubscribe_keepsNoEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const subscriptions = 10
		accounts := account.Instant()
		accounts.Now = time.Now
		s := newServerOf(t, accounts, func(c *kinesisserver.Config) { c.Now = time.Now })
		s.must("CreateStream", `{"StreamName":"s","ShardCount":1}`)
		s.putTwentyThousand()
		before := heap()
		var subs []*subscriber
		for i := range subscriptions {
			out := s.must("RegisterStreamConsumer", fmt.Sprintf(`{"StreamARN":"%s","ConsumerName":"c%d"}`, streamARN, i))
			sub := s.subscribe(t.Context(), subscribeBody(out["Consumer"].(map[string]any)["ConsumerARN"].(string), "0", "TRIM_HORIZON"))
			sub.initial()
			for got := 0; got < 20_000; {
				_, _, payload, err := sub.next()
				require.NoError(t, err)
				got += strings.Count(payload, `"Data"`)
			}
			subs = append(subs, sub)
		}
		synctest.Wait()
		assert.Less(t, (heap()-before)/subscriptions, int64(200<<10))
		for _, sub := range subs {
			sub.close()
		}
	})
}

// Subscriptions that catch up held an event each, and what it was made of: 3.4
// GiB of 4,000 after 60 MiB were put.
func TestSubscribe_eventsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const subscriptions, most = 30, 16 << 20
		accounts := account.Instant()
		accounts.Now = time.Now
		accounts.Quotas.Consumers = -1
		s := newServerOf(t, accounts, func(c *kinesisserver.Config) { c.Now, c.MaxInFlightBytes = time.Now, most })
		s.must("CreateStream", `{"StreamName":"s","ShardCount":1}`)
		s.putTwentyThousand()
		var bodies []string
		for i := range subscriptions {
			out := s.must("RegisterStreamConsumer", fmt.Sprintf(`{"StreamARN":"%s","ConsumerName":"c%d"}`, streamARN, i))
			bodies = append(bodies, subscribeBody(out["Consumer"].(map[string]any)["ConsumerARN"].(string), "0", "TRIM_HORIZON"))
		}
		before := heap()
		var subs []*subscriber
		for _, body := range bodies {
			sub := s.subscribe(t.Context(), body)
			sub.initial()
			subs = append(subs, sub)
		}
		synctest.Wait() // none of them reads its first event, of some 2 MiB
		held := heap() - before
		large, _ := s.Held()
		assert.LessOrEqual(t, large, int64(most))
		assert.Less(t, held, int64(3*most), "the test keeps a copy of each event")
		var reading sync.WaitGroup
		for _, sub := range subs {
			reading.Go(func() {
				_, _, payload, err := sub.next()
				assert.NoError(t, err)
				assert.Greater(t, len(payload), 1<<20, "all get theirs in the end")
				sub.close()
			})
		}
		reading.Wait()
		large, small := s.Held()
		assert.Zero(t, large)
		assert.Zero(t, small)
	})
}
