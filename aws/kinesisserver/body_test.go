package kinesisserver_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/kinesisserver"
)

// A slowBody gives its bytes and then waits until it is let go, when it fails.
type slowBody struct {
	io.Reader
	waits func()
	done  chan struct{}
	once  sync.Once
}

func (b *slowBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != io.EOF {
		return n, nil
	}
	b.once.Do(b.waits)
	<-b.done
	return 0, errors.New("gave up")
}

func (b *slowBody) Close() error { return nil }

// doSlowly serves a request that announces 8 MiB, and sends text and then no
// more until done is closed. waits is called then, or at the request's end if
// it does not come so far.
func (s *server) doSlowly(r *http.Request, text string, waits func(), done chan struct{}) {
	body := &slowBody{Reader: strings.NewReader(text), waits: waits, done: done}
	r.Body, r.ContentLength = body, 8<<20
	s.do(r)
	body.once.Do(waits)
}

// heap returns how much memory is in use.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // pools let go at the second
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// heldBy returns how much memory a number of requests hold that announce 8 MiB
// each and send some bytes of it.
func heldBy(t *testing.T, s *server, requests, sent int) int64 {
	t.Helper()
	text := strings.Repeat("a", sent)
	before := heap()
	var waiting, ended sync.WaitGroup
	done := make(chan struct{})
	for range requests {
		waiting.Add(1)
		ended.Go(func() {
			r := httptest.NewRequest("POST", "/", nil)
			r.Header.Set("X-Amz-Target", "Kinesis_20131202.PutRecord")
			r.Header.Set("Content-Type", jsonType)
			s.doSlowly(r, text, waiting.Done, done)
		})
	}
	waiting.Wait()
	held := heap() - before
	close(done)
	ended.Wait()
	return held
}

// A request holds a few times what it has sent, not what it announces: 1 GiB
// was made of 16 KB.
func TestHandler_roomForWhatHasArrived(t *testing.T) {
	s := newServer(t)
	const requests = 200
	for _, sent := range []int{16, 5000, 100_000} {
		held := heldBy(t, s, requests, sent) / requests
		assert.Less(t, held, int64(32<<10+4*sent), "%d bytes sent", sent)
	}
}

// Large bodies are read whole, whatever was read before in the same buffers.
func TestHandler_largeBodies(t *testing.T) {
	s := newServer(t).withStream()
	for _, n := range []int{10, 4095, 4096, 4097, 65535, 65536, 65537, 900_000, 100, 200_000} {
		for _, announced := range []bool{true, false} {
			data := strings.Repeat("AAAA", n/4)
			r := request("PutRecord", jsonType, fmt.Appendf(nil, `{"StreamName":"s","PartitionKey":"k","Data":%q}`, data))
			if !announced {
				r.ContentLength = -1
			}
			got := s.do(r)
			require.Equal(t, http.StatusOK, got.status, "%d: %s", n, got.body)
			shard := got.json(t)["ShardId"].(string)
			it := s.must("GetShardIterator", fmt.Sprintf(`{"StreamName":"s","ShardId":%q,"ShardIteratorType":"AT_SEQUENCE_NUMBER",`+
				`"StartingSequenceNumber":%q}`, shard, got.json(t)["SequenceNumber"]))
			records := s.must("GetRecords", fmt.Sprintf(`{"ShardIterator":%q}`, it["ShardIterator"]))["Records"].([]any)
			require.Equal(t, data, records[0].(map[string]any)["Data"], n)
		}
	}
}

// Of a request that names no known key 64 KiB are read at most.
func TestSignature_beforeTheBody(t *testing.T) {
	s := newServer(t, func(c *kinesisserver.Config) {
		c.Credentials = []kinesisserver.Credential{{AccessKeyID: "AKID", SecretAccessKey: "secret"}}
	})
	for auth, code := range map[string]string{
		"": "MissingAuthenticationTokenException",
		"AWS4-HMAC-SHA256 Credential=OTHER/20261101/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=0": "UnrecognizedClientException",
		"AWS4-HMAC-SHA256 x": "IncompleteSignatureException",
	} {
		for _, announced := range []int64{8 << 20, -1} {
			body := strings.NewReader(strings.Repeat("a", 8<<20))
			r := request("PutRecord", jsonType, nil)
			r.Body, r.ContentLength = io.NopCloser(body), announced
			r.Header.Set("Authorization", auth)
			r.Header.Set("X-Amz-Date", "20261101T120000Z")
			got := s.do(r)
			assert.Equal(t, http.StatusBadRequest, got.status)
			gotCode, _ := got.failure(t)
			assert.Equal(t, code, gotCode)
			assert.Equal(t, "close", got.header.Get("Connection"))
			assert.LessOrEqual(t, 8<<20-body.Len(), 128<<10, "bytes read")
		}
	}
}

// What all requests hold together is bounded, and is free again at their end.
func TestHandler_bytesInFlight(t *testing.T) {
	s := newServer(t, func(c *kinesisserver.Config) { c.MaxInFlightBytes = 1 << 20 }).withStream()
	put := func(n int) response {
		return s.call("PutRecord", fmt.Sprintf(`{"StreamName":"s","PartitionKey":"k","Data":%q}`, strings.Repeat("AAAA", n/4)))
	}
	var waiting, ended sync.WaitGroup
	done := make(chan struct{})
	hold := func() {
		waiting.Add(1)
		ended.Go(func() {
			// Of more the budget may not have the room, whatever buffer it gets.
			s.doSlowly(request("PutRecord", jsonType, nil), strings.Repeat("a", 300_000), waiting.Done, done)
		})
	}
	require.Equal(t, http.StatusOK, put(500_000).status)
	hold()
	waiting.Wait()
	refused := put(900_000)
	assert.Equal(t, http.StatusServiceUnavailable, refused.status)
	code, message := refused.failure(t)
	assert.Equal(t, "ServiceUnavailable", code)
	assert.Contains(t, message, "the bound is a setting")
	assert.Equal(t, http.StatusOK, put(50_000).status, "small ones go on")
	close(done)
	ended.Wait()
	assert.Equal(t, http.StatusOK, put(500_000).status, "the bytes are free again")
}

// An answer of GetRecords that is too large for what is left is refused, and
// can be asked for again.
func TestHandler_answersInFlight(t *testing.T) {
	s := newServer(t, func(c *kinesisserver.Config) { c.MaxInFlightBytes = 1 << 20 })
	s.must("CreateStream", `{"StreamName":"s","ShardCount":1}`)
	for range 3 {
		s.must("PutRecord", fmt.Sprintf(`{"StreamName":"s","PartitionKey":"k","Data":%q}`, strings.Repeat("AAAA", 100_000)))
	}
	it := s.must("GetShardIterator", `{"StreamName":"s","ShardId":"shardId-000000000000","ShardIteratorType":"TRIM_HORIZON"}`)
	get := func(limit int) response {
		return s.call("GetRecords", fmt.Sprintf(`{"ShardIterator":%q,"Limit":%d}`, it["ShardIterator"], limit))
	}
	assert.Equal(t, http.StatusServiceUnavailable, get(3).status)
	for range 3 { // and nothing of it is still held
		r := get(2)
		require.Equal(t, http.StatusOK, r.status)
		assert.Len(t, r.json(t)["Records"], 2)
	}
}

// A body that fits into the budget is taken whatever buffers others have left:
// one of 16 MiB, used again for 400 KB, counted with all its room.
func TestHandler_bodyFitsWhateverBufferItGets(t *testing.T) {
	put := func(s *server, n int) response {
		return s.call("PutRecord", fmt.Sprintf(`{"StreamName":"s","PartitionKey":"k","Data":%q}`, strings.Repeat("AAAA", n/4)))
	}
	small := newServer(t, func(c *kinesisserver.Config) { c.MaxInFlightBytes = 1 << 20 }).withStream()
	large := newServer(t).withStream()
	for range 20 { // a pool forgets now and then
		put(large, 8<<20) // too large a record, but read
		require.Equal(t, http.StatusOK, put(small, 400_000).status)
	}
}
