package kinesisserver_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/account"
)

// A nullWriter is a ResponseWriter that drops the body.
type nullWriter struct {
	header http.Header
	status int
	body   int
}

func (w *nullWriter) Header() http.Header { return w.header }
func (w *nullWriter) WriteHeader(status int) {
	w.status = status
}
func (w *nullWriter) Write(b []byte) (int, error) {
	w.body += len(b)
	return len(b), nil
}

// A replay calls the handler with the same request over and over.
type replay struct {
	handler http.Handler
	r       *http.Request
	body    *bytes.Reader
	w       nullWriter
}

func newReplay(handler http.Handler, op, contentType string, body []byte) *replay {
	p := &replay{handler: handler, body: bytes.NewReader(body), w: nullWriter{header: make(http.Header)}}
	p.r = request(op, contentType, body)
	p.r.Body = io.NopCloser(p.body)
	return p
}

func (p *replay) call(b testing.TB) {
	p.body.Seek(0, io.SeekStart)
	clear(p.w.header)
	p.handler.ServeHTTP(&p.w, p.r)
	if p.w.status != http.StatusOK {
		b.Fatal("status", p.w.status)
	}
}

// cpu returns the processor time that the process has used. Other processes on
// the machine do not count, so that a figure per second of it repeats.
func cpu() time.Duration {
	var use syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &use)
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// loop runs calls of n records each, and reports records a second, of the clock
// and of the processor, the garbage collector's work included.
func (p *replay) loop(b *testing.B, n int) {
	b.ReportAllocs()
	start := cpu()
	for b.Loop() {
		p.call(b)
	}
	records := float64(n) * float64(b.N)
	b.ReportMetric(records/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(records/(cpu()-start).Seconds(), "records/cpu-s")
}

// bounded is an account that holds a limited amount, so that a benchmark can go
// on for ever.
func bounded() account.Config {
	c := account.Instant()
	c.Stream.MaxBytes = 256 << 20
	c.Stream.WhenFull = 1 // drop the oldest
	return c
}

func putRecordsBody(n, size int) string {
	var entries []string
	for i := range n {
		data := bytes.Repeat([]byte{byte(i)}, size)
		entries = append(entries, fmt.Sprintf(`{"Data":"%s","PartitionKey":"user-%09d"}`, base64.StdEncoding.EncodeToString(data), i*7919))
	}
	return `{"StreamName":"s","Records":[` + strings.Join(entries, ",") + `]}`
}

func BenchmarkPutRecords(b *testing.B) {
	for _, shards := range []int{1, 4} {
		for _, protocol := range []string{"json", "cbor"} {
			b.Run(fmt.Sprintf("protocol=%s/shards=%d/records=500/size=100", protocol, shards), func(b *testing.B) {
				s := newServerOf(b, bounded())
				s.must("CreateStream", fmt.Sprintf(`{"StreamName":"s","ShardCount":%d}`, shards))
				body, contentType := []byte(putRecordsBody(500, 100)), jsonType
				if protocol == "cbor" {
					body, contentType = toCBOR(b, string(body)), cborType
				}
				p := newReplay(s.handler, "PutRecords", contentType, body)
				p.loop(b, 500)
			})
		}
	}
}

func BenchmarkPutRecord(b *testing.B) {
	for _, size := range []int{100, 1 << 20} {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			s := newServerOf(b, bounded())
			s.must("CreateStream", `{"StreamName":"s","ShardCount":4}`)
			data := base64.StdEncoding.EncodeToString(make([]byte, size-10))
			p := newReplay(s.handler, "PutRecord", jsonType, []byte(`{"StreamName":"s","PartitionKey":"user-42","Data":"`+data+`"}`))
			b.SetBytes(int64(size))
			p.loop(b, 1)
		})
	}
}

func BenchmarkGetRecords(b *testing.B) {
	for _, protocol := range []string{"json", "cbor"} {
		b.Run("protocol="+protocol+"/records=10000/size=100", func(b *testing.B) {
			s := newServerOf(b, bounded())
			s.must("CreateStream", `{"StreamName":"s","ShardCount":1}`)
			for range 20 {
				s.must("PutRecords", putRecordsBody(500, 100))
			}
			it := s.must("GetShardIterator", `{"StreamName":"s","ShardId":"0","ShardIteratorType":"TRIM_HORIZON"}`)["ShardIterator"]
			body, err := json.Marshal(map[string]any{"ShardIterator": it})
			require.NoError(b, err)
			contentType := jsonType
			if protocol == "cbor" {
				body, contentType = toCBOR(b, string(body)), cborType
			}
			p := newReplay(s.handler, "GetRecords", contentType, body)
			p.loop(b, 10000)
		})
	}
}

// From the call of PutRecord, in process, to the event's arrival at a
// subscriber over loopback.
func BenchmarkPush(b *testing.B) {
	s := newServerOf(b, bounded()).withStream()
	consumer := s.withConsumer()
	client, url := s.client(wires[0], s.listen())
	r, err := http.NewRequest("POST", url, strings.NewReader(subscribeBody(consumer, "0", "LATEST")))
	require.NoError(b, err)
	r.Header.Set("X-Amz-Target", "Kinesis_20131202.SubscribeToShard")
	r.Header.Set("Content-Type", jsonType)
	resp, err := client.Do(r)
	require.NoError(b, err)
	defer resp.Body.Close()
	frames := eventstream.NewDecoder()
	_, err = frames.Decode(resp.Body, nil)
	require.NoError(b, err)
	put := newReplay(s.handler, "PutRecord", jsonType, []byte(`{"StreamName":"s","PartitionKey":"a","Data":"AAE="}`))
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		put.call(b)
		for {
			m, err := frames.Decode(resp.Body, nil)
			require.NoError(b, err)
			if bytes.Contains(m.Payload, []byte(`"Data"`)) {
				break
			}
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-us")
}
